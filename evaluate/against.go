package evaluate

// Against fills in what a clairvoyant would have paid from one that was played
// elsewhere on the same traces, as of a fluid for runs request by request: its
// schedules take as long to play as the runs themselves.
func (r *Results) Against(other Results) {
	oracles := map[string]*Clairvoyant{}
	for _, c := range other.Clairvoyants {
		if oracles[c.Trace] == nil {
			oracles[c.Trace] = newClairvoyant(c)
		}
	}
	for i := range r.Runs {
		if c := oracles[r.Runs[i].Trace]; c != nil {
			r.Runs[i].against(c)
		}
	}
}
