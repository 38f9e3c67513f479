package queueing

// DemandOf returns [Service.Demand] for a threshold without its check of what
// services alone break: what simulation finds is compared there too.
func DemandOf(s Service, threshold float64) func(rate, share float64) int {
	p := newProfile(s, threshold)
	return func(rate, share float64) int {
		return fewest(int(rate/s.CapacityPerReplica()), func(x int) bool { return p.share(x, rate) <= share })
	}
}
