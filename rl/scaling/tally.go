package scaling

// tally is what happened in the copies together.
type tally struct {
	steps     int
	paid      float64 // replica-seconds
	oracle    float64 // what the oracle pays, violations included
	priced    float64 // avoidable violations at the tariff's price, replica-seconds
	requests  float64
	avoidable float64
	late      float64 // Σ over intervals of the share that violated, over what is allowed
}

// add counts an interval, and returns what it adds to late.
func (t *tally) add(w *Workload, m *moment, r *result, paid float32) float64 {
	t.steps++
	t.paid += float64(paid)
	t.oracle += float64(m.oracle)
	t.priced += float64(m.price * r.avoidable)
	n := m.rate * w.seconds
	t.requests += float64(n)
	t.avoidable += float64(r.avoidable)
	if !(r.avoidable > 0) {
		return 0
	}
	late := float64(r.avoidable / n * w.perAllowed)
	t.late += late
	return late
}

// regret is by how much more than the oracle's the cost is, at the tariff's price.
func (t *tally) regret() float64 { return (t.paid+t.priced)/t.oracle - 1 }

// Report implements [rl.Reporter]: regret to the oracle, replica-hours over the
// oracle's cost, avoidable violations over what is allowed, and the price.
func (e *Environment) Report(add func(name string, value float64)) {
	t := &e.tally
	steps := float64(max(1, t.steps))
	add("regret", t.regret())
	add("replicas", t.paid/t.oracle)
	add("violations", t.late/steps)
	add("price", e.Price())
	e.tally = tally{}
}
