// Package experiment compares an incumbent autoscaler with another one on a
// live service, in phases, and keeps what it sees as rows of a CSV file: the
// format of thesis experiments that set a HorizontalPodAutoscaler beside a
// predicting scaler. A row holds what both want at the same instant, whoever
// of them is obeyed.
package experiment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Mode says who is obeyed in a phase.
type Mode string

// Modes of an experiment.
const (
	HPAOnly    Mode = "hpa_only"   // the HPA; what the other would do is noted
	AIScaler   Mode = "ai_scaler"  // the other; what the HPA would do is computed
	Comparison Mode = "comparison" // nobody: both are watched
)

// Modes lists them all.
func Modes() []Mode { return []Mode{HPAOnly, AIScaler, Comparison} }

// Who can have set a count.
const (
	ByAI   = "ai"
	ByHPA  = "hpa"
	ByNone = "none"
)

// Row is what was at one instant. What is nil was not known: it is left empty,
// never 0.
type Row struct {
	Timestamp       time.Time
	Mode            Mode
	CurrentReplicas int
	CPUMillicores   *float64 // mean of a ready replica
	MemoryMebibytes *float64 // the same
	// HPASimDesired is what the exact HPA computes beside the live one, and the
	// ratios of usage to target that it does it from.
	HPASimDesired         *int
	HPASimCPURatio        *float64
	HPASimMemRatio        *float64
	HPACurrentReplicas    *int // as the live HPA says
	HPADesiredReplicas    *int
	AIRecommendedReplicas *int
	AIConfidence          *float64
	AIReasoning           string
	AppliedReplicas       *int
	AppliedBy             string
}

// Columns names the fields of a row in the order of the file.
func Columns() []string {
	return []string{
		"timestamp", "mode", "current_replicas", "cpu_millicores", "memory_mebibytes",
		"hpa_sim_desired", "hpa_sim_cpu_ratio", "hpa_sim_mem_ratio",
		"hpa_current_replicas", "hpa_desired_replicas",
		"ai_recommended_replicas", "ai_confidence", "ai_reasoning", "applied_replicas", "applied_by",
	}
}

// Targets are what the HPA keeps, in percent of what is requested.
type Targets struct{ CPU, Memory int }

// HPAStatus is what a live HPA says of itself.
type HPAStatus struct{ Current, Desired int }

// Seen is what a row is made of.
type Seen struct {
	Mode    Mode
	Decided record.Decided
	// HPA and AI name the policies by which their decisions are known.
	HPA, AI string
	Targets Targets
	Live    *HPAStatus // nil: there is no live HPA, or it has not spoken
	// Samples are the newest measurements, those of single replicas among them.
	Samples []scale.Sample
	// Applied says whether what the obeyed policy decided was carried out.
	Applied bool
	// Asked says that the other is a language model, and Advised is what it said
	// last; nil: it was not asked yet.
	Asked   bool
	Advised *record.Advised
}

// Row puts it into columns.
func (s Seen) Row() Row {
	d := &s.Decided
	r := Row{Timestamp: d.Decision.At.UTC(), Mode: s.Mode, CurrentReplicas: d.Decision.CurrentReplicas, AppliedBy: ByNone}
	r.CPUMillicores = s.perReplica("cpu", "cpuCores", 1000)
	r.MemoryMebibytes = s.perReplica("memory", "memoryBytes", 1.0/(1<<20))
	r.HPASimCPURatio = s.ratio(scale.CPUUtilization, s.Targets.CPU)
	r.HPASimMemRatio = s.ratio(scale.MemoryUtilization, s.Targets.Memory)
	if hpa := s.of(s.HPA); hpa != nil && !hpa.NoData {
		r.HPASimDesired = pointer(hpa.DesiredReplicas)
	}
	if s.Live != nil {
		r.HPACurrentReplicas, r.HPADesiredReplicas = pointer(s.Live.Current), pointer(s.Live.Desired)
	}
	if ai := s.of(s.AI); s.Asked {
		s.advice(&r)
	} else if ai != nil {
		r.AIReasoning = reasoning(ai)
		if !ai.NoData {
			r.AIRecommendedReplicas, r.AIConfidence = pointer(ai.DesiredReplicas), pointer(ai.Recommendation.Confidence)
		}
	}
	s.applied(&r)
	return r
}

// advice is what a language model said, in its own words; nothing once it has
// expired.
func (s Seen) advice(r *Row) {
	a := s.Advised
	switch {
	case a == nil:
		r.AIReasoning = "not asked yet"
	case a.Error != "":
		r.AIReasoning = "no advice: " + a.Error
	case !r.Timestamp.Before(a.Expires):
		r.AIReasoning = "no advice: the last has expired"
	default:
		r.AIRecommendedReplicas, r.AIConfidence, r.AIReasoning = a.Replicas, pointer(a.Confidence), a.Reason
	}
}

// reasoning is why a policy wants what it does, and what became of that where a
// rule had the last word.
func reasoning(d *scale.Decision) string {
	why, last := d.Recommendation.Reason.String(), d.Reason.String()
	if why == "" || why == last {
		return last
	}
	return why + "; " + last
}

// applied says what the service has been told, and by whom: the live HPA by
// itself, anybody else through the target.
func (s Seen) applied(r *Row) {
	switch {
	case s.Live != nil && (s.Mode == HPAOnly || s.Mode == AIScaler && !s.Applied):
		r.AppliedReplicas, r.AppliedBy = pointer(s.Live.Desired), ByHPA
	case !s.Applied || s.Mode == Comparison:
		r.AppliedReplicas = pointer(r.CurrentReplicas)
	case s.Mode == HPAOnly:
		r.AppliedReplicas, r.AppliedBy = pointer(s.Decided.Decision.DesiredReplicas), ByHPA
	default:
		r.AppliedReplicas, r.AppliedBy = pointer(s.Decided.Decision.DesiredReplicas), ByAI
	}
}

// of is the decision of a policy, obeyed or not; nil when there is none.
func (s Seen) of(policy string) *scale.Decision {
	if s.Decided.Decision.Policy == policy {
		return &s.Decided.Decision
	}
	for i := range s.Decided.Shadows {
		if s.Decided.Shadows[i].Policy == policy {
			return &s.Decided.Shadows[i]
		}
	}
	return nil
}

// perReplica is what a replica uses, in the mean: of those that are measured one
// by one, else of all together by how many are ready.
func (s Seen) perReplica(single, together string, factor float64) *float64 {
	sum, n := 0.0, 0.0
	for i := range s.Samples {
		if m := &s.Samples[i]; m.Signal == single && m.Replica != "" && m.Container == "" {
			sum, n = sum+m.Value, n+1
		}
	}
	if n > 0 {
		return pointer(factor * sum / n)
	}
	total, ok := s.value(together)
	if ready := float64(s.Decided.Seen.Ready); ok && ready > 0 {
		return pointer(factor * total / ready)
	}
	return nil
}

// value is the newest of a signal that may be believed.
func (s Seen) value(signal string) (float64, bool) {
	for _, m := range s.Decided.Seen.Signals {
		if m.Name == signal {
			return m.Value, m.Trust == scale.Fresh
		}
	}
	return 0, false
}

func (s Seen) ratio(signal string, percent int) *float64 {
	used, ok := s.value(signal)
	if !ok || percent <= 0 {
		return nil
	}
	return pointer(100 * used / float64(percent))
}

func pointer[T any](v T) *T { return &v }

// timeLayout is to the second, as sync is.
const timeLayout = time.RFC3339

// Fields are the row as the file has it.
func (r Row) Fields() []string {
	return []string{
		r.Timestamp.Format(timeLayout), string(r.Mode), strconv.Itoa(r.CurrentReplicas), decimal(r.CPUMillicores, 1), decimal(r.MemoryMebibytes, 1),
		whole(r.HPASimDesired), decimal(r.HPASimCPURatio, 3), decimal(r.HPASimMemRatio, 3),
		whole(r.HPACurrentReplicas), whole(r.HPADesiredReplicas),
		whole(r.AIRecommendedReplicas), decimal(r.AIConfidence, 3), inert(r.AIReasoning), whole(r.AppliedReplicas), r.AppliedBy,
	}
}

// formulas is what a table takes for the beginning of a formula, after which a model
// could write one that sends the rest away; and what stands before it.
const formulas = "=+-@\t\r\n'"

// inert is a text that a table shows as it is.
func inert(text string) string {
	if text != "" && strings.ContainsRune(formulas, rune(text[0])) {
		return "'" + text
	}
	return text
}

// worded is the text that was made inert.
func worded(field string) string {
	if text, was := strings.CutPrefix(field, "'"); was && inert(text) != text {
		return text
	}
	return field
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func decimal(v *float64, digits int) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', digits, 64)
}

// ParseRow reads what Fields wrote.
func ParseRow(fields []string) (Row, error) {
	if want := len(Columns()); len(fields) != want {
		return Row{}, fmt.Errorf("must have %d columns, got %d", want, len(fields))
	}
	p := parser{fields: fields}
	r := Row{
		Timestamp: p.time(0), Mode: p.mode(1), CPUMillicores: p.decimal(3), MemoryMebibytes: p.decimal(4),
		HPASimDesired: p.whole(5), HPASimCPURatio: p.decimal(6), HPASimMemRatio: p.decimal(7),
		HPACurrentReplicas: p.whole(8), HPADesiredReplicas: p.whole(9),
		AIRecommendedReplicas: p.whole(10), AIConfidence: p.decimal(11), AIReasoning: worded(fields[12]), AppliedReplicas: p.whole(13), AppliedBy: fields[14],
	}
	current := p.whole(2)
	if current == nil {
		p.fault(2, "a count")
		return Row{}, p.err
	}
	r.CurrentReplicas = *current
	return r, p.err
}
