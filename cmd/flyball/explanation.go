package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// explanation is one decision with what is known around it.
type explanation struct {
	now time.Time
	// simulation is not nil where all of it is simulated.
	simulation *web.Simulation
	target     client.Target
	decision   client.Decision
	latest     bool // the newest decision; otherwise one of the past
}

// sentence says why in words.
func (e *explanation) sentence() string {
	d := &e.decision
	when := age(e.now, d.Until.Time) + " ago"
	if !e.latest {
		when = "at " + stamp(d.Until.Time)
	}
	name, why := e.target.Name, e.because()
	switch {
	case d.Applied != nil && d.Applied.Error != "":
		return fmt.Sprintf("%s should have gone from %d to %s (%s), but that failed: %s", name, d.From, replicas(d.To), when, d.Applied.Error)
	case d.NoData && !d.Changes():
		return fmt.Sprintf("%s %s %s (%s), because the policy has no data it can trust: %s", name, e.verb(), replicas(d.To), when, words(d.Recommendation.Reason))
	case d.Changes() && d.Mode != scale.Apply:
		return fmt.Sprintf("%s would %s from %d to %s (%s) but %s; why: %s", name, direction(d), d.From, replicas(d.To), when, e.obstacle(), why)
	case d.Changes():
		return fmt.Sprintf("%s %s from %d to %s (%s), because %s", name, went(d), d.From, replicas(d.To), when, why)
	case d.Recommendation.Replicas != d.To:
		why := words(d.Reason)
		return fmt.Sprintf("%s %s %s (%s) although the policy wants %d, because %s (guard %s)", name, e.verb(), replicas(d.To), when, d.Recommendation.Replicas, why, d.SetBy)
	}
	return fmt.Sprintf("%s %s %s (%s), because %s", name, e.verb(), replicas(d.To), when, why)
}

// because is why a count changed: what the policy saw, and what a guard made of
// it where that is another number.
func (e *explanation) because() string {
	d := &e.decision
	wanted, rule := d.Recommendation.Replicas, words(d.Reason)
	if wanted == d.To || d.NoData || (wanted > d.From) != (d.To > d.From) {
		return rule
	}
	return fmt.Sprintf("the policy wants %d (%s); %s (guard %s)", wanted, words(d.Recommendation.Reason), rule, d.SetBy)
}

func (e *explanation) verb() string {
	if e.latest {
		return "stays at"
	}
	return "stayed at"
}

func words(r scale.Reason) string {
	if text := r.String(); text != "" {
		return text
	}
	return "nothing asks for another count"
}

func replicas(n int) string { return scale.Count(n, "replica") }

func direction(d *client.Decision) string {
	if d.To > d.From {
		return "grow"
	}
	return "shrink"
}

func went(d *client.Decision) string {
	if d.To > d.From {
		return "grew"
	}
	return "shrank"
}

// obstacle says what keeps a decision from being carried out.
func (e *explanation) obstacle() string {
	if e.decision.Mode == scale.Recommend {
		return "only recommends" + e.byHand()
	}
	return "is paused" + e.byHand()
}

// byHand says who set the mode, if somebody did.
func (e *explanation) byHand() string {
	o := e.target.Override
	if o == nil || o.Mode != e.decision.Mode {
		return ""
	}
	return holds(o, e.now)
}

// holds says until when a mode set by hand holds, and of whom.
func holds(o *client.Override, now time.Time) string {
	text := ""
	if o.Until != nil && !o.Until.IsZero() {
		text = " until " + shortStamp(o.Until.Time, now)
	}
	if o.By != "" {
		text += " by " + oneLine(o.By)
	}
	if o.Reason != "" {
		text += " (" + oneLine(o.Reason) + ")"
	}
	return text
}

// change says what would have to change, where that is simple.
func (e *explanation) change() string {
	d := &e.decision
	switch {
	case d.Mode == scale.Paused && e.target.Override != nil:
		return "flyball resume " + e.target.Name + " lets it scale again"
	case d.Mode == scale.Paused:
		return "the document pauses it: set mode: Apply there"
	case d.Mode == scale.Recommend && d.Changes():
		return "flyball mode " + e.target.Name + " Apply lets it scale"
	case d.NoData:
		return e.missing("it decides again")
	}
	switch d.Reason.Code {
	case "TooManyReplicas":
		return fmt.Sprintf("for more than %d raise replicas.max in the document", e.target.Max)
	case "TooFewReplicas":
		return fmt.Sprintf("for fewer than %d lower replicas.min in the document", e.target.Min)
	case "StaleData", "ImplausibleData", "NoData", "MetricMissing":
		return e.missing("it may shrink again")
	case "Cooldown":
		return "it goes on by itself once the cooldown is over"
	case "ScaleDownStabilized", "ScaleUpStabilized":
		return "it goes on by itself once the whole window agrees (behavior in the document)"
	case "ScaleUpLimit", "ScaleDownLimit":
		return "it goes on by itself in the next period (behavior in the document)"
	case "ObjectiveViolated":
		return "it may shrink once the objective is met again"
	}
	return ""
}

// names reports whether the decision speaks of a signal. What is measured beside,
// such as the disk of a container, decides nothing.
func (e *explanation) names(signal string) bool {
	d := &e.decision
	said := []string{d.Reason.String(), d.Recommendation.Reason.String()}
	for _, p := range d.Recommendation.Proposals {
		said = append(said, p.Signal, p.Reason.String())
	}
	for _, s := range d.Steps {
		said = append(said, s.Reason.String())
	}
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(signal) + `\b`)
	return slices.ContainsFunc(said, word.MatchString)
}

// missing names the signals that are not to be trusted.
func (e *explanation) missing(then string) string {
	var bad []string
	if e.decision.Seen != nil {
		for _, s := range e.decision.Seen.Signals {
			if s.Trust != scale.Fresh && e.names(s.Name) {
				bad = append(bad, s.Name)
			}
		}
	}
	if e.decision.Seen != nil && e.decision.Seen.Ready == 0 && e.decision.From > 0 {
		return then + " as soon as a replica is ready: see flyball doctor"
	}
	if len(bad) == 0 {
		return then + " as soon as its signals are measured: see flyball doctor"
	}
	return then + " as soon as " + strings.Join(bad, ", ") + " can be measured: see flyball doctor"
}

// print writes it for a screen of a width; 0 has room for everything.
func (e *explanation) print(w io.Writer, width int) {
	say := func(format string, args ...any) {
		printLines(w, cli.Wrap(fmt.Sprintf(format, args...), width, 2)...)
	}
	if old := e.old(); old != "" && e.latest {
		say("%s.", old)
	}
	say("%s.", oneLine(e.sentence()))
	if change := e.change(); change != "" {
		say("What would change it: %s.", change)
	}
	e.printSeen(w, width)
	e.printTrail(w, width)
	e.printShadows(w, width)
	e.printAdvice(w, width)
	say("")
	e.sayAround(say)
}

// old warns of what is shown as it was, because nothing newer was heard.
func (e *explanation) old() string {
	heard := "nothing was ever heard"
	if !e.target.ReportAt.IsZero() {
		heard = "all that follows is as of " + age(e.now, e.target.ReportAt.Time) + " ago"
	}
	switch f := away(&e.target); {
	case f != nil:
		return fmt.Sprintf("! The bus between the roles is away since %s (%s): %s", stamp(sinceOf(f)), age(e.now, sinceOf(f)), heard)
	case stale(&e.target, e.now):
		return "! No measurements for " + age(e.now, e.target.ReportAt.Time) + ": " + heard
	}
	return ""
}

func (e *explanation) printSeen(w io.Writer, width int) {
	seen := e.decision.Seen
	if seen == nil {
		return
	}
	head := fmt.Sprintf("Seen at %s: %d ready, %d starting, %d terminating", stamp(e.decision.Until.Time), seen.Ready, seen.Starting, seen.Terminating)
	printLines(w, append([]string{""}, cli.Wrap(head, width, 2)...)...)
	var rows strings.Builder
	table := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	for _, s := range seen.Signals {
		old := "-"
		if !s.At.IsZero() {
			old = age(e.decision.Until.Time, s.At.Time) + " old"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", s.Name, signalValue(s), s.Trust, old)
	}
	_ = table.Flush() // a builder takes everything
	for row := range strings.Lines(rows.String()) {
		printLines(w, cli.Wrap(strings.TrimRight(row, "\n"), width, 4)...)
	}
	for _, c := range seen.Conditions {
		printLines(w, cli.Wrap(fmt.Sprintf("  %s since %s: %s", c.Type, stamp(c.Since.Time), oneLine(c.Message)), width, 4)...)
	}
}

// signalValue writes a value with its unit.
func signalValue(s client.Signal) string {
	if s.P95 != nil && *s.P95 > 0 {
		return fmt.Sprintf("p50 %s, p95 %s, p99 %s", latency(s.P50), latency(s.P95), latency(s.P99))
	}
	if s.Value == nil {
		return "not measured"
	}
	switch s.Name {
	case scale.RequestRate, scale.ErrorRate:
		return scale.Number(*s.Value) + "/s"
	case scale.Latency:
		return latency(s.Value)
	case scale.CPUUtilization, scale.MemoryUtilization, scale.Utilization, scale.ViolationRatio:
		return scale.Number(*s.Value*100) + " %"
	}
	return scale.Number(*s.Value)
}

func latency(seconds *float64) string {
	switch {
	case seconds == nil:
		return "-"
	case *seconds < 1:
		return scale.Number(*seconds*1000) + " ms"
	}
	return scale.Number(*seconds) + " s"
}

func (e *explanation) printTrail(w io.Writer, width int) {
	d := &e.decision
	fmt.Fprintf(w, "\nTrail, from %d:\n", d.From)
	all := rungs(scale.Decision{Policy: d.Policy, Recommendation: d.Recommendation, Steps: d.Steps})
	all = append(all, rung{"final", strconv.Itoa(d.To), "set by " + d.SetBy})
	if d.Applied != nil && d.Applied.Error == "" && d.Changes() {
		all = append(all, rung{"carried out", "", stamp(d.Applied.At.Time)})
	}
	printRungs(w, all, width)
}

func (e *explanation) printShadows(w io.Writer, width int) {
	if len(e.decision.Shadows) == 0 {
		return
	}
	fmt.Fprintln(w, "\nShadows would have:")
	var all []rung
	for _, s := range e.decision.Shadows {
		all = append(all, rung{s.Policy, strconv.Itoa(s.Replicas), s.Reason.String()})
	}
	printRungs(w, all, width)
}

// sayAround tells what holds now, whatever decision is explained.
func (e *explanation) sayAround(say func(format string, args ...any)) {
	if e.simulation != nil {
		say("Simulated: %s, time runs %v times faster", oneLine(e.simulation.Load), e.simulation.Speed)
	}
	say("Mode now: %s", modeNow(&e.target, e.now))
	ready := 0
	for _, r := range e.target.Replicas {
		if r.Phase == "ready" {
			ready++
		}
	}
	now := "now"
	if e.old() != "" {
		now = age(e.now, e.target.ReportAt.Time) + " ago"
	}
	say("Replicas %s: %d, %d of them ready", now, len(e.target.Replicas), ready)
	for _, c := range e.target.Conditions {
		say("%s since %s: %s", c.Type, stamp(c.Since.Time), oneLine(c.Message))
	}
	if c := e.target.LastChange; c != nil && e.latest && c.Newest != e.decision.ID {
		say("Last change: %d → %d at %s: %s", c.From, c.To, stamp(c.Until.Time), oneLine(words(c.Reason)))
	}
	if o := e.target.Objective; o != nil {
		say("Objective now: %s", objectiveNow(o))
	}
	for _, f := range e.target.Faults {
		say("Fault: %s: %s", f.From, oneLine(f.Error))
	}
}

// modeNow is the mode and where it comes from.
func modeNow(t *client.Target, now time.Time) string {
	if t.Override == nil {
		return string(t.Mode) + " (as the document says)"
	}
	return fmt.Sprintf("%s%s; the document says %s", t.Mode, holds(t.Override, now), t.DocumentMode)
}

func objectiveNow(o *web.ObjectiveStatus) string {
	state := "met"
	if !o.Met {
		state = "missed"
	}
	good := "no requests"
	if o.Good.Known() {
		good = fmt.Sprintf("%.2f %% good", float64(o.Good)*100)
	}
	return fmt.Sprintf("%s (%s; %s %% within %s over %s)", state, good, scale.Number(o.Target*100),
		latency(&o.Threshold), span(time.Duration(o.Window*float64(time.Second))))
}

// asJSON is what --json prints.
func (e *explanation) asJSON() any {
	return struct {
		Target     string           `json:"target"`
		Sentence   string           `json:"sentence"`
		WouldHelp  string           `json:"wouldChangeIt,omitempty"`
		Mode       scale.Mode       `json:"mode"`
		Override   *client.Override `json:"override"`
		Objective  any              `json:"objective"`
		Decision   client.Decision  `json:"decision"`
		Conditions any              `json:"conditions"`
		Faults     any              `json:"faults"`
		ReportAt   client.Time      `json:"reportAt"` // everything is as of then
		Advice     any              `json:"advice"`
	}{e.target.Name, oneLine(e.sentence()), e.change(), e.target.Mode, e.target.Override, e.target.Objective, e.decision, e.target.Conditions, e.target.Faults, e.target.ReportAt, e.target.Advice}
}
