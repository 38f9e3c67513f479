package queueing_test

import (
	"math/rand/v2"
	"testing"

	"github.com/flyball-io/flyball/queueing"
)

// job is a request on a replica that shares its slots.
type job struct{ left, since, takes float64 }

// shareOut simulates replicas that share, and returns the avoidable share.
func shareOut(s queueing.Service, replicas int, rate, threshold float64, requests int) float64 {
	rng := rand.New(rand.NewPCG(5, 5))
	jobs := make([][]job, replicas)
	now, next, done, late := 0.0, rng.ExpFloat64()/rate, 0.0, 0.0
	speed := func(r int) float64 { return min(1, float64(s.Slots)/float64(len(jobs[r]))) }
	for done < float64(requests) {
		at, which, index := next, -1, 0 // the next event: an arrival, or an end
		for r := range jobs {
			for k, j := range jobs[r] {
				if end := now + j.left/speed(r); end < at {
					at, which, index = end, r, k
				}
			}
		}
		for r := range jobs {
			v := speed(r) * (at - now)
			for k := range jobs[r] {
				jobs[r][k].left -= v
			}
		}
		now = at
		if which < 0 {
			takes := s.Law.Quantile(rng.Float64())
			to := rng.IntN(replicas)
			for r := range jobs {
				if s.Topology == queueing.LeastConn && len(jobs[r]) < len(jobs[to]) {
					to = r
				}
			}
			jobs[to] = append(jobs[to], job{takes, now, takes})
			next = now + rng.ExpFloat64()/rate
			continue
		}
		j := jobs[which][index]
		last := len(jobs[which]) - 1
		jobs[which][index] = jobs[which][last]
		jobs[which] = jobs[which][:last]
		done++
		if j.takes <= threshold && now-j.since > threshold {
			late++
		}
	}
	return late / done
}

// A load of 7 % less than the model's for a share of violations has fewer in the
// simulation, and one of 7 % more has more, but for the noise of a short run.
func TestSharingAgreesWithSimulation(t *testing.T) {
	for _, topology := range []queueing.Topology{queueing.Random, queueing.LeastConn} {
		for _, slots := range []int{1, 4} {
			for _, cv := range []float64{0, 0.5, 1, 2} {
				s := cell{topology: topology, slots: slots, cv: cv}.service()
				s.Sharing = true
				const replicas, threshold = 4, 6.25
				for _, share := range []float64{0.1, 0.01} {
					low, high := 0.0, 0.999
					for range 14 {
						middle := (low + high) / 2
						if a, _ := s.ViolationTail(replicas, middle*float64(replicas*slots), threshold); a > share {
							high = middle
						} else {
							low = middle
						}
					}
					at := func(load float64) float64 {
						return shareOut(s, replicas, load*float64(replicas*slots), threshold, 30000)
					}
					if less, more := at(0.93*low), at(min(0.995, 1.07*low)); less > 1.25*share || more < 0.8*share {
						t.Errorf("%v, %d slots, cv %v: the model has a share of %v at a load of %.3f; simulated %.4f 7 %% below and %.4f 7 %% above", topology, slots, cv, share, low, less, more)
					}
				}
			}
		}
	}
}
