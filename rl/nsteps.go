package rl

// windows holds back the last n steps of each copy until the n-th is known
// (Sutton, "Learning to Predict by the Methods of Temporal Differences", 1988).
//
// Fields are exported for checkpoints.
type windows struct {
	N            int
	Discount     float64
	Width        int
	Count        []int     // steps that wait, of each copy
	Observations []float32 // copies × n × width, the oldest first
	Actions      []int     // copies × n
	Rewards      []float64 // copies × n
}

func newWindows(n int, discount float64, of sizes) windows {
	return windows{N: n, Discount: discount, Width: of.Width, Count: make([]int, of.Copies),
		Observations: make([]float32, of.Copies*n*of.Width), Actions: make([]int, of.Copies*n), Rewards: make([]float64, of.Copies*n)}
}

func (w *windows) sameSize(o *windows) bool {
	return w.N == o.N && w.Width == o.Width && len(w.Count) == len(o.Count) &&
		len(w.Observations) == len(o.Observations) && len(w.Actions) == len(o.Actions) && len(w.Rewards) == len(o.Rewards)
}

func (w *windows) clear() { clear(w.Count) }

// begin notes the state and action of a step of all copies.
func (w *windows) begin(observations []float32, actions []int) {
	for c, action := range actions {
		at := c*w.N + w.Count[c]
		copy(w.Observations[at*w.Width:(at+1)*w.Width], observations[c*w.Width:])
		w.Actions[at] = action
	}
}

// end notes what the step led to, and adds to the replay what is complete.
func (w *windows) end(step *Step, to *replay) {
	for c := range w.Count {
		w.Rewards[c*w.N+w.Count[c]] = float64(step.Rewards[c])
		w.Count[c]++
		last := transition{next: step.Observations[c*w.Width : (c+1)*w.Width], allowed: step.Allowed[c*to.Choices : (c+1)*to.Choices]}
		switch {
		case step.Terminated[c] || step.Truncated[c]:
			last.next, last.allowed = step.Final[c*w.Width:(c+1)*w.Width], step.FinalAllowed[c*to.Choices:(c+1)*to.Choices]
			for w.Count[c] > 0 {
				w.emit(c, last, step.Terminated[c], to)
			}
		case w.Count[c] == w.N:
			w.emit(c, last, false, to)
		}
	}
}

// emit adds the oldest step of a copy, with the rewards of all that wait.
func (w *windows) emit(c int, t transition, terminated bool, to *replay) {
	from, until := c*w.N, c*w.N+w.Count[c]
	t.discount = 1
	for _, reward := range w.Rewards[from:until] {
		t.reward += t.discount * reward
		t.discount *= w.Discount
	}
	if terminated {
		t.discount = 0
	}
	t.observation, t.action = w.Observations[from*w.Width:(from+1)*w.Width], w.Actions[from]
	to.add(t)

	copy(w.Observations[from*w.Width:until*w.Width], w.Observations[(from+1)*w.Width:until*w.Width])
	copy(w.Actions[from:until], w.Actions[from+1:until])
	copy(w.Rewards[from:until], w.Rewards[from+1:until])
	w.Count[c]--
}
