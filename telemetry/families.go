package telemetry

import "github.com/flyball-io/flyball/internal/calls"

//go:generate go test . -run IsTheGeneratedOne -update

// Names of the metrics. Dashboards and alerts use them: they do not change
// without a line in the changelog.
const (
	DecisionsTotal     = "flyball_decisions_total"
	DecisionDelay      = "flyball_decision_delay_seconds"
	DesiredReplicas    = "flyball_desired_replicas"
	CurrentReplicas    = "flyball_current_replicas"
	ReadyReplicas      = "flyball_ready_replicas"
	RecommendedCount   = "flyball_recommended_replicas"
	ShadowReplicas     = "flyball_shadow_replicas"
	ModeState          = "flyball_mode"
	ChangesTotal       = "flyball_changes_total"
	ReportAge          = "flyball_report_age_seconds"
	SignalTrust        = "flyball_signal_trust"
	SourceErrorsTotal  = "flyball_source_errors_total"
	ViolationRatio     = "flyball_objective_violation_ratio"
	ObjectiveMet       = "flyball_objective_met"
	EventsTotal        = "flyball_events_total"
	ReloadsTotal       = "flyball_reloads_total"
	ReloadSuccessful   = "flyball_reload_successful"
	BusDroppedTotal    = "flyball_bus_dropped_messages_total"
	RecordWritesTotal  = "flyball_record_writes_total"
	RecordWriteSeconds = "flyball_record_write_seconds"
	RecordLag          = "flyball_record_lag_seconds"
	AdvisorRequests    = "flyball_advisor_requests_total"
	AdvisorDuration    = "flyball_advisor_duration_seconds"
	AdvisorTokens      = "flyball_advisor_tokens_total"
	AdvisorCost        = "flyball_advisor_cost_dollars_total"
	AdviceDecisions    = "flyball_advice_decisions_total"
	AdviceWeight       = "flyball_advice_weight"
	BuildInfo          = "flyball_build_info"

	MinReplicas          = "flyball_min_replicas"
	MaxReplicas          = "flyball_max_replicas"
	StartingReplicas     = "flyball_starting_replicas"
	TerminatingReplicas  = "flyball_terminating_replicas"
	PolicyReplicas       = "flyball_policy_replicas"
	ProposedReplicas     = "flyball_proposed_replicas"
	GuardInterventions   = "flyball_guard_interventions_total"
	ScalingDecisions     = "flyball_scaling_decisions_total"
	ConditionState       = "flyball_condition"
	SignalValue          = "flyball_signal_value"
	SignalAge            = "flyball_signal_age_seconds"
	LatencySeconds       = "flyball_latency_seconds"
	ObjectiveTarget      = "flyball_objective_target_ratio"
	ObjectiveThreshold   = "flyball_objective_threshold_seconds"
	ObjectiveRequests    = "flyball_objective_requests_total"
	ObjectiveBad         = "flyball_objective_bad_requests_total"
	Backends             = "flyball_backends"
	BalancerInFlight     = "flyball_balancer_requests_in_flight"
	BalancerRequests     = "flyball_balancer_requests_total"
	BalancerFailures     = "flyball_balancer_failures_total"
	ForecastLoad         = "flyball_forecast_load"
	ForecastHorizon      = "flyball_forecast_horizon_seconds"
	ForecastsTotal       = "flyball_forecasts_total"
	ForecastCovered      = "flyball_forecast_covered_total"
	ForecastLoss         = "flyball_forecast_pinball_loss_total"
	ForecastError        = "flyball_forecast_absolute_error_total"
	ForecastActual       = "flyball_forecast_actual_load_total"
	CostTotal            = "flyball_cost_total"
	BudgetPerDay         = "flyball_budget_per_day"
	BudgetSpent          = "flyball_budget_spent"
	HTTPRequests         = "flyball_http_requests_total"
	HTTPDuration         = "flyball_http_request_duration_seconds"
	ClientRequests       = calls.RequestsTotal
	ClientRequestSeconds = calls.DurationSeconds
)

// Labels and the values of those whose values are fixed.
const (
	labelTarget    = "target"
	labelPolicy    = "policy"
	labelSetBy     = "set_by"
	labelDirection = "direction"
	labelOutcome   = "outcome"
	labelMode      = "mode"
	labelSignal    = "signal"
	labelState     = "state"
	labelSource    = "source"
	labelType      = "type"
	labelUse       = "use"
	labelRole      = "role"
	labelGuard     = "guard"
	labelReason    = "reason"
	labelLevel     = "level"
	labelPercent   = "percentile"
	labelRoute     = "route"
	labelCode      = "code"

	up, down, hold  = "up", "down", "hold"
	fine, failed    = "ok", "error"
	loaded, refused = "loaded", "refused"
	cached, unasked = "cached", "unasked"
	read, written   = "read", "written"
)

// Family is one metric: what the table in docs/metrics.md says of it.
type Family struct {
	Name   string
	Kind   string // counter, gauge or histogram
	Help   string
	Labels []string
}

// Families lists Flyball's own metrics. Beside them are those of the Go
// runtime and of the process.
func Families() []Family {
	return []Family{
		{DecisionsTotal, "counter", "Decisions made, by the kind of the policy, by what set the number (a guard, or policy) and where it leads: up, down or hold.", []string{labelTarget, labelPolicy, labelSetBy, labelDirection}},
		{DecisionDelay, "histogram", "Time from the instant that a decision is made for until it was made and heard of.", []string{labelTarget}},
		{DesiredReplicas, "gauge", "Replicas that the newest decision asks for, whether or not the mode lets it be applied.", []string{labelTarget}},
		{CurrentReplicas, "gauge", "Replicas that were asked for when the newest decision was made.", []string{labelTarget}},
		{ReadyReplicas, "gauge", "Replicas that take work, from the newest report.", []string{labelTarget}},
		{RecommendedCount, "gauge", "Replicas that the policy wanted, before the guards. Missing while it has no data.", []string{labelTarget}},
		{ShadowReplicas, "gauge", "Replicas that a policy which is only watched would ask for.", []string{labelTarget, labelPolicy}},
		{ModeState, "gauge", "1 for the mode that the newest decision was made under (Apply, Recommend or Paused), 0 for the others.", []string{labelTarget, labelMode}},
		{ChangesTotal, "counter", "Orders to a target to change its replicas, by direction (up, down) and outcome (ok, error).", []string{labelTarget, labelDirection, labelOutcome}},
		{ReportAge, "gauge", "Time since a target could be read last; before the first time, since it is known.", []string{labelTarget}},
		{SignalTrust, "gauge", "1 for how far a signal was believed by the newest decision (stale, implausible or absent); state fresh is there beside it, 1 or 0. Missing while there is nothing to measure: a latency without requests, a utilization without replicas.", []string{labelTarget, labelSignal, labelState}},
		{SourceErrorsTotal, "counter", "Readings that failed, of a source or of the target itself (source target).", []string{labelTarget, labelSource}},
		{ViolationRatio, "gauge", "Share of the requests of the objective's window that were not good. Missing without requests.", []string{labelTarget}},
		{ObjectiveMet, "gauge", "1 while the objective is met over its window (no requests = met), 0 otherwise.", []string{labelTarget}},
		{EventsTotal, "counter", "Events beside decisions, by type.", []string{labelType}},
		{ReloadsTotal, "counter", "Reloads of the documents, by outcome (loaded, refused).", []string{labelOutcome}},
		{ReloadSuccessful, "gauge", "1 while the newest documents hold, 0 from a reload that was refused until one is loaded.", nil},
		{BusDroppedTotal, "counter", "Messages lost because a subscriber fell behind. The newest is never lost.", nil},
		{RecordWritesTotal, "counter", "Writes to the record, by outcome (ok, error).", []string{labelOutcome}},
		{RecordWriteSeconds, "histogram", "Time that a write to the record took.", nil},
		{RecordLag, "gauge", "Age of the oldest decision that the record does not hold yet, 0 when it holds all.", nil},
		{AdvisorRequests, "counter", "Questions of policies to advisors, by outcome: ok, cached (an earlier answer was given again), refused (an answer that is not what was asked for), error, or unasked (kept back by pace, budget or a pause after failures).", []string{labelTarget, labelOutcome}},
		{AdvisorDuration, "histogram", "Time from a question to an advisor to its answer, also one that failed; cached and unasked ones are left out.", []string{labelTarget}},
		{AdvisorTokens, "counter", "Tokens that advisors read and wrote (direction read, written).", []string{labelTarget, labelDirection}},
		{AdvisorCost, "counter", "Price of what advisors read and wrote in US dollars, by the prices in the document.", []string{labelTarget}},
		{AdviceDecisions, "counter", "Decisions with valid advice, by what they made of it: agreed (it moved nothing), followed, vetoed (the objective needs what it would take away), ignored (its record is bad or not known).", []string{labelTarget, labelUse}},
		{AdviceWeight, "gauge", "How far advice is followed, 0 to 1, by the newest decision with any. Missing without, and where the planner is another process.", []string{labelTarget}},
		{MinReplicas, "gauge", "Fewest replicas that the document allows.", []string{labelTarget}},
		{MaxReplicas, "gauge", "Most replicas that the document allows.", []string{labelTarget}},
		{StartingReplicas, "gauge", "Replicas that do not take work yet, as the newest decision saw it.", []string{labelTarget}},
		{TerminatingReplicas, "gauge", "Replicas on their way out, as the newest decision saw it.", []string{labelTarget}},
		{PolicyReplicas, "gauge", "Replicas that each policy wants before its guards, by role: active or shadow. Missing while it has no data.", []string{labelTarget, labelPolicy, labelRole}},
		{ProposedReplicas, "gauge", "Replicas that one signal or rule of the active policy alone asks for.", []string{labelTarget, labelSignal}},
		{GuardInterventions, "counter", "Decisions in which a guard allowed another count than was wanted.", []string{labelTarget, labelGuard}},
		{ScalingDecisions, "counter", "Decisions in mode Apply that ask for another count than the one before them did, by direction, by what set the number and by the code of its reason.", []string{labelTarget, labelDirection, labelSetBy, labelReason}},
		{ConditionState, "gauge", "1 for each condition of a target, its balancer, its guards or its policy that holds.", []string{labelTarget, labelType}},
		{SignalValue, "gauge", "Newest value of a signal that is fresh: rates per second, latencies (95th percentile) in seconds, utilizations and shares 0 to 1, sizes in bytes. Missing while it is not fresh.", []string{labelTarget, labelSignal}},
		{SignalAge, "gauge", "Time since the newest value of a signal was measured. Missing while it has none.", []string{labelTarget, labelSignal}},
		{LatencySeconds, "gauge", "Latency of the newest window, by percentile: 50, 95 and 99. Missing without requests.", []string{labelTarget, labelPercent}},
		{ObjectiveTarget, "gauge", "Share of the requests that the objective wants to be good, 0 to 1.", []string{labelTarget}},
		{ObjectiveThreshold, "gauge", "Longest time of a good request.", []string{labelTarget}},
		{ObjectiveRequests, "counter", "Requests that the objective has judged, from measured rates.", []string{labelTarget}},
		{ObjectiveBad, "counter", "Requests among these that were not good.", []string{labelTarget}},
		{Backends, "gauge", "Backends that the balancer knows, by state: active, unhealthy or draining.", []string{labelTarget, labelState}},
		{BalancerInFlight, "gauge", "Requests in progress on all backends.", []string{labelTarget}},
		{BalancerRequests, "counter", "Requests that backends have answered, as the balancer counts them.", []string{labelTarget}},
		{BalancerFailures, "counter", "Requests among these that ended with 5xx, were refused or broken off.", []string{labelTarget}},
		{ForecastLoad, "gauge", "Highest load that the policy expects until the horizon, by level of probability: 0.5, 0.9, 0.99. Requests per second, or replicas' worth of CPU.", []string{labelTarget, labelLevel}},
		{ForecastHorizon, "gauge", "How far ahead the forecast looks.", []string{labelTarget}},
		{ForecastsTotal, "counter", "Forecasts whose horizon is over and that were held against what came.", []string{labelTarget}},
		{ForecastCovered, "counter", "Forecasts among these that what came did not exceed, by level of probability: the share should be the level, or more.", []string{labelTarget, labelLevel}},
		{ForecastLoss, "counter", "Sum of the pinball losses of these forecasts, by level of probability, in the unit of the load.", []string{labelTarget, labelLevel}},
		{ForecastError, "counter", "Sum of the absolute errors of the medians of these forecasts, in the unit of the load.", []string{labelTarget}},
		{ForecastActual, "counter", "Sum of the loads that came, one for each of these forecasts: the error divided by it is the relative one.", []string{labelTarget}},
		{CostTotal, "counter", "Cost of the replicas asked for, at the price in the document and in its currency. Missing without a price.", []string{labelTarget}},
		{BudgetPerDay, "gauge", "What replicas may cost in a day. Missing without a budget.", []string{labelTarget}},
		{BudgetSpent, "gauge", "What replicas have cost since midnight, as the budget counts it. Missing without a budget.", []string{labelTarget}},
		{HTTPRequests, "counter", "Requests to Flyball's own HTTP API, by route and status code.", []string{labelRoute, labelCode}},
		{HTTPDuration, "histogram", "Time to answer them, by route; event streams are left out.", []string{labelRoute}},
		{ClientRequests, "counter", "Requests of this process to others, by client (docker, kubernetes, prometheus, openmetrics, probe, balancer) and outcome: ok, refused (4xx), failed (5xx) or unanswered.", []string{"client", labelOutcome}},
		{ClientRequestSeconds, "histogram", "Time until such an answer began.", []string{"client"}},
		{BuildInfo, "gauge", "Always 1; the version of Flyball and of Go.", []string{"version", "go"}},
	}
}
