package grafana

// overview is one look at services and at Flyball itself.
func overview() Dashboard {
	return Dashboard{Name: "overview", UID: "flyball", Title: "Flyball: services", Variables: targets(),
		Description: "How many replicas there are, what they serve, whether the objective is kept, and what it costs.",
		Rows:        []Row{{"Now", now()}, {"Load and service", service()}, {"Cost", cost()}, {"Flyball itself", itself()}}}
}

func now() []Panel {
	return []Panel{
		{Title: "Replicas wanted", Kind: Stat, Unit: "short", Width: 4, Queries: []Query{ask(`sum(flyball_desired_replicas{@})`, "")}},
		{Title: "Replicas ready", Kind: Stat, Unit: "short", Width: 4, Queries: []Query{ask(`sum(flyball_ready_replicas{@})`, "")}},
		{Title: "Objectives met", Kind: Stat, Unit: "percentunit", Width: 4, Queries: []Query{ask(`avg(flyball_objective_met{@})`, "")}},
		{Title: "Error budget left, of an hour", Kind: Stat, Unit: "percentunit", Width: 4,
			Description: "1: every request was good. 0: as many were bad as the objective allows. Below 0: more.",
			Queries:     []Query{ask(`min(1 - increase(flyball_objective_bad_requests_total{@}[1h]) / increase(flyball_objective_requests_total{@}[1h]) / (1 - flyball_objective_target_ratio{@}))`, "")}},
		{Title: "Conditions", Kind: Stat, Unit: "short", Width: 4, Description: "What lasts and should not, or should be known: see scaling.",
			Queries: []Query{ask(`count(flyball_condition{@}) or vector(0)`, "")}},
		{Title: "Oldest report", Kind: Stat, Unit: "s", Width: 4, Queries: []Query{ask(`max(min by (target) (flyball_report_age_seconds{@}))`, "")}},
	}
}

func service() []Panel {
	return []Panel{
		{Title: "Replicas", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{
			ask(`flyball_desired_replicas{@}`, "{{target}} wanted"), ask(`flyball_ready_replicas{@}`, "{{target}} ready"),
			ask(`flyball_min_replicas{@}`, "{{target}} least"), ask(`flyball_max_replicas{@}`, "{{target}} most")}},
		{Title: "Requests per second", Kind: Lines, Unit: "reqps", Width: 12, Queries: []Query{ask(`flyball_signal_value{@, signal="requestRate"}`, "{{target}}")}},
		{Title: "Latency", Kind: Lines, Unit: "s", Width: 12, Queries: []Query{
			ask(`flyball_latency_seconds{@}`, "{{target}} p{{percentile}}"), ask(`flyball_objective_threshold_seconds{@}`, "{{target}} objective")}},
		{Title: "Requests that were not good", Kind: Lines, Unit: "percentunit", Width: 6, Description: "Share of those in the window of the objective.",
			Queries: []Query{ask(`flyball_objective_violation_ratio{@}`, "{{target}}"), ask(`1 - flyball_objective_target_ratio{@}`, "{{target}} allowed")}},
		{Title: "Burn rate of the error budget", Kind: Lines, Unit: "short", Width: 6, Description: "1 uses up the budget exactly by the end of the window.",
			Queries: []Query{ask(`rate(flyball_objective_bad_requests_total{@}[5m]) / rate(flyball_objective_requests_total{@}[5m]) / (1 - flyball_objective_target_ratio{@})`, "{{target}}")}},
	}
}

func cost() []Panel {
	return []Panel{
		{Title: "Cost per hour", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`3600 * rate(flyball_cost_total{@}[5m])`, "{{target}}")}},
		{Title: "Spent today, and the budget", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{
			ask(`flyball_budget_spent{@}`, "{{target}} spent"), ask(`flyball_budget_per_day{@}`, "{{target}} budget")}},
	}
}

func itself() []Panel {
	const api, other = `flyball_http_request_duration_seconds_bucket{job="$job"}`, `flyball_client_request_duration_seconds_bucket{job="$job"}`
	return []Panel{
		{Title: "Age of reports and signals", Kind: Lines, Unit: "s", Width: 8, Queries: []Query{
			ask(`flyball_report_age_seconds{@}`, "{{target}} report"), ask(`max by (target, signal) (flyball_signal_age_seconds{@})`, "{{target}} {{signal}}")}},
		{Title: "Signals that are believed", Kind: Lines, Unit: "short", Width: 8, Queries: []Query{ask(`flyball_signal_trust{@, state="fresh"}`, "{{target}} {{signal}}")}},
		{Title: "Time to decide, 99th percentile", Kind: Lines, Unit: "s", Width: 8,
			Queries: []Query{ask(`histogram_quantile(0.99, sum by (le, target) (rate(flyball_decision_delay_seconds_bucket{@}[$__rate_interval])))`, "{{target}}")}},
		{Title: "Requests to the API", Kind: Lines, Unit: "reqps", Width: 8, Queries: []Query{{`sum by (route, code) (rate(flyball_http_requests_total{job="$job"}[$__rate_interval]))`, "{{route}} {{code}}"}}},
		{Title: "Time to answer, 99th percentile", Kind: Lines, Unit: "s", Width: 8,
			Queries: []Query{{`histogram_quantile(0.99, sum by (le, route) (rate(` + api + `[$__rate_interval])))`, "{{route}}"}}},
		{Title: "Documents that are refused", Kind: Lines, Unit: "short", Width: 8, Description: "1 while the newest reload was refused: what held before still holds.",
			Queries: []Query{{`1 - flyball_reload_successful{job="$job"}`, "{{instance}}"}}},
		{Title: "Record: how far behind, and a write", Kind: Lines, Unit: "s", Width: 12, Queries: []Query{
			{`flyball_record_lag_seconds{job="$job"}`, "behind"},
			{`histogram_quantile(0.99, sum by (le) (rate(flyball_record_write_seconds_bucket{job="$job"}[$__rate_interval])))`, "a write, p99"}}},
		{Title: "Writes to the record, messages dropped by the bus", Kind: Lines, Unit: "ops", Width: 12, Queries: []Query{
			{`sum by (outcome) (rate(flyball_record_writes_total{job="$job"}[$__rate_interval]))`, "writes {{outcome}}"},
			{`rate(flyball_bus_dropped_messages_total{job="$job"}[$__rate_interval])`, "dropped"}}},
		{Title: "Requests of Flyball to others", Kind: Lines, Unit: "reqps", Width: 8,
			Queries: []Query{{`sum by (client, outcome) (rate(flyball_client_requests_total{job="$job"}[$__rate_interval]))`, "{{client}} {{outcome}}"}}},
		{Title: "Time until they answer, 99th percentile", Kind: Lines, Unit: "s", Width: 8,
			Queries: []Query{{`histogram_quantile(0.99, sum by (le, client) (rate(` + other + `[$__rate_interval])))`, "{{client}}"}}},
		{Title: "Readings that failed", Kind: Bars, Unit: "short", Width: 8, Description: "Of sources, or of the target itself.",
			Queries: []Query{ask(`sum by (target, source) (increase(flyball_source_errors_total{@}[$__rate_interval])) or vector(0)`, "{{target}} {{source}}")}},
	}
}
