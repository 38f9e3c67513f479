package rl

import "math"

// rollout is what all copies of an environment did for a number of steps, row
// after row: row t·copies + c is step t of copy c.
type rollout struct {
	steps, copies, width, actions int

	observations []float32 // rows × width
	allowed      []bool    // rows × actions
	taken        []int     // the action
	logs         []float64 // log π(action) when it was taken
	values       []float32 // V(s) when it was taken
	rewards      []float32
	next         []float32 // V of what followed: 0 if the episode terminated, that of Final if it was truncated
	ended        []bool

	advantages, returns []float32
}

func newRollout(steps int, of sizes) *rollout {
	copies, width, actions := of.Copies, of.Width, of.Actions
	rows := steps * copies
	return &rollout{
		steps: steps, copies: copies, width: width, actions: actions,
		observations: make([]float32, rows*width), allowed: make([]bool, rows*actions),
		taken: make([]int, rows), logs: make([]float64, rows), values: make([]float32, rows),
		rewards: make([]float32, rows), next: make([]float32, rows), ended: make([]bool, rows),
		advantages: make([]float32, rows), returns: make([]float32, rows),
	}
}

func (r *rollout) rows() int { return r.steps * r.copies }

// collect acts by ac for all steps, from where the session is.
func (r *rollout) collect(s *session, ac *actorCritic) error {
	for t := range r.steps {
		from, to := t*r.copies, (t+1)*r.copies
		copy(r.observations[from*r.width:], s.step.Observations)
		copy(r.allowed[from*r.actions:], s.step.Allowed)
		ac.infer(s.step.Observations, r.values[from:to])
		for c := range r.copies {
			row := ac.logits[c*r.actions : (c+1)*r.actions]
			ac.draw.set(row, s.step.Allowed[c*r.actions:(c+1)*r.actions])
			a := ac.draw.sample(s.random)
			r.taken[from+c], r.logs[from+c] = a, ac.draw.logs[a]
		}
		if err := s.act(r.taken[from:to]); err != nil {
			return err
		}
		copy(r.rewards[from:to], s.step.Rewards)
		r.outcomes(from, s.step, ac)
	}
	ac.criticInference.Infer(s.step.Observations, ac.values)
	r.chain(ac.values)
	return nil
}

// outcomes notes which episodes ended, and what a truncated one was still worth:
// being cut off is no end, so the critic says what would have come (Pardo et
// al., "Time Limits in Reinforcement Learning", ICML 2018).
func (r *rollout) outcomes(from int, step *Step, ac *actorCritic) {
	for c := range r.copies {
		r.ended[from+c] = step.Terminated[c] || step.Truncated[c]
		r.next[from+c] = 0
		if step.Truncated[c] && !step.Terminated[c] {
			ac.criticInference.Infer(step.Final[c*r.width:(c+1)*r.width], r.next[from+c:from+c+1])
		}
	}
}

// chain fills in what followed where the episode went on: the value of the next
// row of the same copy, after the last step that of newest.
func (r *rollout) chain(newest []float32) {
	for i := range r.next {
		switch {
		case r.ended[i]:
		case i+r.copies < len(r.values):
			r.next[i] = r.values[i+r.copies]
		default:
			r.next[i] = newest[i%r.copies]
		}
	}
}

// estimate computes generalised advantages (Schulman et al., "High-Dimensional
// Continuous Control Using Generalized Advantage Estimation", ICLR 2016, eq. 16)
// and the returns that the critic learns. With d = 1 where the episode ended:
//
//	δₜ = rₜ + γ·V(sₜ₊₁) − V(sₜ)      Âₜ = δₜ + γλ·(1−dₜ)·Âₜ₊₁      R̂ₜ = Âₜ + V(sₜ)
func (r *rollout) estimate(discount, lambda float64) {
	for i := r.rows() - 1; i >= 0; i-- {
		advantage := float64(r.rewards[i]) + discount*float64(r.next[i]) - float64(r.values[i])
		if after := i + r.copies; after < r.rows() && !r.ended[i] {
			advantage += discount * lambda * float64(r.advantages[after])
		}
		r.advantages[i] = float32(advantage)
		r.returns[i] = float32(advantage + float64(r.values[i]))
	}
}

// explainedVariance is 1 − Var(R̂−V)/Var(R̂): 1 for a critic that knows, 0 for one
// that says the mean; NaN where all returns are the same.
func (r *rollout) explainedVariance() float64 {
	errors := make([]float32, r.rows())
	for i := range errors {
		errors[i] = r.returns[i] - r.values[i]
	}
	_, of := meanAndVariance(errors)
	_, all := meanAndVariance(r.returns)
	if all == 0 {
		return math.NaN()
	}
	return 1 - of/all
}

// meanAndVariance; the variance is that of a sample, divided by n−1.
func meanAndVariance(x []float32) (mean, variance float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, variance / math.Max(1, float64(len(x)-1))
}
