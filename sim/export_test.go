package sim

// Waiting is how many wait in the lines of a fluid.
func Waiting(w *Fluid) float64 {
	n := w.waiting
	for i := range w.leavers {
		n += w.leavers[i].line.count
	}
	return n
}

// Counted are the arrivals, the ends, and the requests that are here.
func Counted(w *Fluid) (arrived, ended, present float64) {
	return w.total.arrived, w.total.ended, w.present
}
