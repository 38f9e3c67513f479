package guard

import "time"

// Step is the state of an envelope that a judge of its own needs.
type Step struct {
	Own, ExpertWas, Expert, Answer, Told int
	Beta, Credit                         float64
	Blind                                bool
}

// Step returns the state at the newest observation.
func (e *Envelope) Step() Step {
	m := &e.memory
	return Step{m.Own, m.ExpertWas, m.Expert, m.Answer, m.Told, m.Beta, m.Credit, m.Blind}
}

// Admits reports whether a count would be admitted now.
func (e *Envelope) Admits(a int) bool { return e.admits(a) }

// LastHour adds up what fell due.
type LastHour struct{ hour lastHour }

// Add and Until are those of the ledger.
func (h *LastHour) Add(at time.Time, amount float64) { h.hour.add(at, amount) }
func (h *LastHour) Until(at time.Time) float64       { return h.hour.until(at) }
