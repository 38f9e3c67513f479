package policy

import "time"

// Inquiry is a question that a policy has at its newest observation for somebody
// it needs, whose answer costs too much to be asked for at each decision. Whoever
// runs the policy puts it to them beside the loop; the policy stays pure.
type Inquiry struct {
	// From is whom it is for: the name of a [Need].
	From string
	// Occasion is why it is asked now, of the constants below.
	Occasion string
	Facts    Facts
}

// Occasions for a question.
const (
	FirstLook    = "first-look"    // nothing was ever asked
	RegimeChange = "regime-change" // the load is another than what was expected
	Violations   = "violations"    // the objective is missed again and again
	Disagreement = "disagreement"  // policies want very different counts
	Periodic     = "periodic"      // nothing, but it is time
)

// Facts are what a policy knows beyond what is seen. Unknown numbers are NaN.
type Facts struct {
	// Wants is what is wanted without advice; Floor the fewest that advice may
	// lower it to; Other what a plain rule would want that sees the same.
	Wants, Floor, Other int
	// Load is the newest measurement in the unit of the forecast (requests per
	// second), PerReplica how much of it one replica carries, and Forecast the
	// 50, 90 and 99 % quantiles of the highest load until replicas asked for now serve.
	Load, PerReplica float64
	Forecast         [3]float64
	// Startup is how long replicas take to serve.
	Startup time.Duration
	// Baseline and Sigma are median and robust deviation of the p95 latency, in
	// seconds; LowWindows how many of the newest windows in a row were below both.
	Baseline, Sigma float64
	LowWindows      int
	// SinceChange is how long the count is what it is; negative: not known.
	SinceChange time.Duration
}

// Inquiring is a policy with questions. It is asked for them after each
// Recommend, also one without an opinion; they are lent until the next. One that
// nobody answers is repeated while there is an occasion.
type Inquiring interface {
	Inquiries() []Inquiry
}

// Inquiries are those of p; none when it has no questions.
func Inquiries(p Policy) []Inquiry {
	if q, ok := p.(Inquiring); ok {
		return q.Inquiries()
	}
	return nil
}
