package capacity

// Uncorrected leaves the model as it is, whatever is late.
func (l *Learner) Uncorrected() { l.uncorrected = true }
