package grafana

// policies puts those that are watched beside the one that acts.
func policies() Dashboard {
	return Dashboard{Name: "policies", UID: "flyball-policies", Title: "Flyball: policies compared", Variables: targets(),
		Description: "A shadow says what it would do now; costs and objectives of policies are compared by flyball report, replay and evaluate.",
		Rows:        []Row{{"Shadow against active", wishes()}, {"Forecast against what came", foreseen()}, {"Advisors", advice()}}}
}

func wishes() []Panel {
	const who = "{{target}} {{role}}: {{policy}}"
	return []Panel{
		{Title: "What each policy wants", Kind: Lines, Unit: "short", Width: 12, Description: "Before its guards.", Queries: []Query{ask(`flyball_policy_replicas{@}`, who)}},
		{Title: "What each would do", Kind: Lines, Unit: "short", Width: 12, Description: "After its guards.", Queries: []Query{
			ask(`flyball_desired_replicas{@}`, "{{target}} decided"), ask(`flyball_shadow_replicas{@}`, "{{target}} shadow: {{policy}}")}},
		{Title: "Shadows want more, or fewer", Kind: Lines, Unit: "short", Width: 12,
			Queries: []Query{ask(`flyball_policy_replicas{@, role="shadow"} - on (job, instance, target) group_left () flyball_policy_replicas{@, role="active"}`, "{{target}} {{policy}}")}},
		{Title: "Mean wish", Kind: Table, Unit: "short", Width: 6, Queries: []Query{ask(`avg by (target, role, policy) (avg_over_time(flyball_policy_replicas{@}[$__range]))`, who)}},
		{Title: "Changes of mind", Kind: Table, Unit: "short", Width: 6, Queries: []Query{ask(`sum by (target, role, policy) (changes(flyball_policy_replicas{@}[$__range]))`, who)}},
	}
}

func foreseen() []Panel {
	return []Panel{
		{Title: "Expected peak load, and the load", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{
			ask(`flyball_forecast_load{@}`, "{{target}} {{level}}"), ask(`flyball_signal_value{@, signal="requestRate"}`, "{{target}} requests per second")}},
		{Title: "How far it looks", Kind: Lines, Unit: "s", Width: 12, Queries: []Query{ask(`flyball_forecast_horizon_seconds{@}`, "{{target}}")}},
		{Title: "Coverage", Kind: Lines, Unit: "percentunit", Width: 8, Description: "Share of the forecasts that what came did not exceed: it should be the level, or more.",
			Queries: []Query{ask(`rate(flyball_forecast_covered_total{@}[$__range]) / on (job, instance, target) group_left () rate(flyball_forecasts_total{@}[$__range])`, "{{target}} {{level}}")}},
		{Title: "Error of the median", Kind: Lines, Unit: "percentunit", Width: 8, Description: "Sum of the errors per sum of what came.",
			Queries: []Query{ask(`rate(flyball_forecast_absolute_error_total{@}[$__rate_interval]) / rate(flyball_forecast_actual_load_total{@}[$__rate_interval])`, "{{target}}")}},
		{Title: "Pinball loss", Kind: Lines, Unit: "percentunit", Width: 8, Description: "Per load that came: lower is better, at each level.",
			Queries: []Query{ask(`rate(flyball_forecast_pinball_loss_total{@}[$__rate_interval]) / on (job, instance, target) group_left () rate(flyball_forecast_actual_load_total{@}[$__rate_interval])`, "{{target}} {{level}}")}},
	}
}

func advice() []Panel {
	return []Panel{
		{Title: "Questions to advisors", Kind: Bars, Unit: "short", Width: 12, Queries: []Query{
			ask(`sum by (target, outcome) (increase(flyball_advisor_requests_total{@}[$__rate_interval]))`, "{{target}} {{outcome}}")}},
		{Title: "Time to answer, 95th percentile", Kind: Lines, Unit: "s", Width: 12,
			Queries: []Query{ask(`histogram_quantile(0.95, sum by (le, target) (rate(flyball_advisor_duration_seconds_bucket{@}[$__range])))`, "{{target}}")}},
		{Title: "What decisions made of advice", Kind: Lines, Unit: "short", Width: 6, Queries: []Query{ask(`sum by (target, use) (rate(flyball_advice_decisions_total{@}[$__rate_interval]))`, "{{target}} {{use}}")}},
		{Title: "How far it is followed", Kind: Lines, Unit: "percentunit", Width: 6, Queries: []Query{ask(`flyball_advice_weight{@}`, "{{target}}")}},
		{Title: "Tokens", Kind: Lines, Unit: "short", Width: 6, Queries: []Query{
			ask(`sum by (target, direction) (increase(flyball_advisor_tokens_total{@}[$__range]))`, "{{target}} {{direction}}")}},
		{Title: "What it cost", Kind: Lines, Unit: "currencyUSD", Width: 6, Queries: []Query{
			ask(`sum by (target) (increase(flyball_advisor_cost_dollars_total{@}[$__range]))`, "{{target}}")}},
	}
}
