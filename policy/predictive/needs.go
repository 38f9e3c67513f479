package predictive

import "time"

// needs are what was needed lately: the highest need of the last break-even
// time. A replica that is not needed costs its time, one that is let go costs
// its next start; until the first has come to the second it stays. That is lazy
// capacity provisioning (Lin, Wierman, Andrew, Thereska, INFOCOM 2011) for needs that
// must be met: never dearer than three times the best in hindsight,
// whatever comes.
type needs struct {
	// At and Replicas hold a need each, falling: what came later and is higher
	// hides what was before.
	At       []time.Time `json:"at"`
	Replicas []int       `json:"replicas"`
}

// take adds the need of an instant and returns the highest of the time before.
func (n *needs) take(at time.Time, replicas int, breakEven time.Duration) int {
	if last := len(n.At) - 1; last >= 0 && n.At[last].After(at) { // the clock was set back
		for i := range n.At {
			n.At[i] = at
		}
	}
	keep := len(n.At)
	for keep > 0 && n.Replicas[keep-1] <= replicas {
		keep--
	}
	n.At, n.Replicas = append(n.At[:keep], at), append(n.Replicas[:keep], replicas)
	old := 0
	for at.Sub(n.At[old]) > breakEven {
		old++
	}
	n.At = n.At[:copy(n.At, n.At[old:])]
	n.Replicas = n.Replicas[:copy(n.Replicas, n.Replicas[old:])]
	return n.Replicas[0]
}
