package grafana

// balancers is what goes through them.
func balancers() Dashboard {
	return Dashboard{Name: "balancers", UID: "flyball-balancers", Title: "Flyball: load balancers", Variables: targets(),
		Description: "Requests, failures and backends, as the balancer of each service counts them.",
		Rows: []Row{
			{"Requests", []Panel{
				{Title: "Requests per second", Kind: Lines, Unit: "reqps", Width: 12, Description: "Answered by backends.", Queries: []Query{ask(`rate(flyball_balancer_requests_total{@}[$__rate_interval])`, "{{target}}")}},
				{Title: "Failures", Kind: Lines, Unit: "percentunit", Width: 12, Description: "Share of these that ended with 5xx, were refused or broken off.",
					Queries: []Query{ask(`rate(flyball_balancer_failures_total{@}[$__rate_interval]) / (rate(flyball_balancer_requests_total{@}[$__rate_interval]) > 0)`, "{{target}}")}},
				{Title: "In progress, and held", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{
					ask(`flyball_balancer_requests_in_flight{@}`, "{{target}} in progress"), ask(`flyball_signal_value{@, signal="queueDepth"}`, "{{target}} held")}},
				{Title: "Latency at the balancer", Kind: Lines, Unit: "s", Width: 12, Queries: []Query{ask(`flyball_latency_seconds{@}`, "{{target}} p{{percentile}}")}},
			}},
			{"Backends", []Panel{
				{Title: "Backends", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`flyball_backends{@}`, "{{target}} {{state}}")}},
				{Title: "Requests per second and backend", Kind: Lines, Unit: "reqps", Width: 12,
					Queries: []Query{ask(`rate(flyball_balancer_requests_total{@}[$__rate_interval]) / on (job, instance, target) (flyball_backends{@, state="active"} > 0)`, "{{target}}")}},
			}},
		}}
}
