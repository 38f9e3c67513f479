package grafana

// scaling is what was changed, and why.
func scaling() Dashboard {
	return Dashboard{Name: "scaling", UID: "flyball-scaling", Title: "Flyball: scaling and why", Variables: targets(),
		Description: "Each change with the rule and the reason that set the number; flyball explain has the numbers of one decision.",
		Rows: []Row{
			{"What was changed", []Panel{
				{Title: "Replicas", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{
					ask(`flyball_recommended_replicas{@}`, "{{target}} policy wants"), ask(`flyball_desired_replicas{@}`, "{{target}} decided"), ask(`flyball_current_replicas{@}`, "{{target}} ordered")}},
				{Title: "Orders to targets", Kind: Bars, Unit: "short", Width: 12, Description: "Outcome error: the target could not be changed.",
					Queries: []Query{ask(`sum by (target, direction, outcome) (increase(flyball_changes_total{@}[$__rate_interval]))`, "{{target}} {{direction}} {{outcome}}")}},
				{Title: "On their way", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{
					ask(`flyball_starting_replicas{@}`, "{{target}} start"), ask(`flyball_terminating_replicas{@}`, "{{target}} end")}},
				{Title: "Events", Kind: Bars, Unit: "short", Width: 12, Queries: []Query{{`sum by (type) (increase(flyball_events_total{job="$job"}[$__rate_interval])) > 0`, "{{type}}"}}},
			}},
			{"Why", []Panel{
				{Title: "Why it was scaled", Kind: Bars, Unit: "short", Width: 12, Description: "What set the number (the policy or a guard), and the code of its reason.",
					Queries: []Query{ask(`sum by (target, direction, set_by, reason) (increase(flyball_scaling_decisions_total{@}[$__rate_interval]))`, "{{target}} {{direction}}: {{set_by}} {{reason}}")}},
				{Title: "The most frequent reasons", Kind: Table, Unit: "short", Width: 12,
					Queries: []Query{ask(`topk(20, sum by (target, direction, set_by, reason) (increase(flyball_scaling_decisions_total{@}[$__range])))`, "")}},
				{Title: "What each signal asks for", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`flyball_proposed_replicas{@}`, "{{target}} {{signal}}")}},
				{Title: "Guards that changed the number", Kind: Lines, Unit: "short", Width: 12, Description: "Decisions per second in which a guard allowed another count than was wanted.",
					Queries: []Query{ask(`sum by (target, guard) (rate(flyball_guard_interventions_total{@}[$__rate_interval]))`, "{{target}} {{guard}}")}},
				{Title: "Who decides", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`sum by (target, set_by) (rate(flyball_decisions_total{@}[$__rate_interval]))`, "{{target}} {{set_by}}")}},
				{Title: "Conditions", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`flyball_condition{@}`, "{{target}} {{type}}")}},
				{Title: "Mode", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`flyball_mode{@} == 1`, "{{target}} {{mode}}")}},
				{Title: "Reloads of documents", Kind: Bars, Unit: "short", Width: 12, Queries: []Query{{`sum by (outcome) (increase(flyball_reloads_total{job="$job"}[$__rate_interval]))`, "{{outcome}}"}}},
			}},
		}}
}
