package advised

import (
	"math"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// Signal is the proposal of a decision that tells of advice.
const Signal = "advisor"

// What a decision makes of valid advice.
const (
	Agreed   = "agreed"   // it moved nothing
	Followed = "followed" // it moved the count
	Vetoed   = "vetoed"   // it would have taken away what is needed
	Ignored  = "ignored"  // its record is bad, or nobody can tell what it is worth
)

// UseOf reads in a decision's trail what became of valid advice, and how far that
// is followed, 0 to 1; "" where there was none. A decision that came as words
// alone, over a network, does not tell the weight: it is NaN.
func UseOf(d *scale.Decision) (use string, weight float64) {
	all := d.Recommendation.Proposals
	i := slices.IndexFunc(all, func(p scale.Proposal) bool { return p.Signal == Signal && !p.Missing })
	if i < 0 {
		return "", math.NaN()
	}
	because := &all[i].Reason
	weight = math.NaN()
	if strings.Contains(because.Template, "{0%}") {
		weight = because.Args[0]
	}
	switch {
	case because.Code == "AdviceNotFollowed":
		return Ignored, 0
	case because.Code == "AdviceVetoed":
		return Vetoed, weight
	case d.Recommendation.Reason.Code == "Advised":
		return Followed, weight
	}
	return Agreed, weight
}
