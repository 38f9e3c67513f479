package telemetry

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
		{DecisionsTotal, "counter", "Decisions made, by what set the number (a guard, or policy) and where it leads: up, down or hold.", []string{labelTarget, labelPolicy, labelSetBy, labelDirection}},
		{DecisionDelay, "histogram", "Time from the instant that a decision is made for until it was made and heard of.", []string{labelTarget}},
		{DesiredReplicas, "gauge", "Replicas that the newest decision asks for, whether or not the mode lets it be applied.", []string{labelTarget}},
		{CurrentReplicas, "gauge", "Replicas that were asked for when the newest decision was made.", []string{labelTarget}},
		{ReadyReplicas, "gauge", "Replicas that take work, from the newest report.", []string{labelTarget}},
		{RecommendedCount, "gauge", "Replicas that the policy wanted, before the guards. Missing while it has no data.", []string{labelTarget}},
		{ShadowReplicas, "gauge", "Replicas that a policy which is only watched would ask for.", []string{labelTarget, labelPolicy}},
		{ModeState, "gauge", "1 for the mode that the newest decision was made under (Apply, Recommend or Paused), 0 for the others.", []string{labelTarget, labelMode}},
		{ChangesTotal, "counter", "Orders to a target to change its replicas, by direction (up, down) and outcome (ok, error).", []string{labelTarget, labelDirection, labelOutcome}},
		{ReportAge, "gauge", "Time since the newest report of a target.", []string{labelTarget}},
		{SignalTrust, "gauge", "1 for how far a signal was believed by the newest decision (fresh, stale, implausible or absent), 0 for the others.", []string{labelTarget, labelSignal, labelState}},
		{SourceErrorsTotal, "counter", "Readings that failed, of a source or of the target itself (source target).", []string{labelTarget, labelSource}},
		{ViolationRatio, "gauge", "Share of the requests of the objective's window that were not good. Missing without requests.", []string{labelTarget}},
		{ObjectiveMet, "gauge", "1 while the objective is met over its window (no requests = met), 0 otherwise.", []string{labelTarget}},
		{EventsTotal, "counter", "Events beside decisions, by type.", []string{labelType}},
		{ReloadsTotal, "counter", "Reloads of the documents, by outcome (loaded, refused).", []string{labelOutcome}},
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
		{BuildInfo, "gauge", "Always 1; the version of Flyball and of Go.", []string{"version", "go"}},
	}
}
