package guard

import "github.com/flyball-io/flyball/scale"

// roomFor is how many of the wanted replicas there is room for. Those that are
// asked for already and wait for room stay asked for: who places them goes on
// trying, and nothing is gained by asking for fewer.
//
//	at 10, of which 6 fit: 12 wanted ─► 10; 8 wanted ─► 8
//	at 3, of 6 that fit:   12 wanted ─► 6
func roomFor(obs *scale.Observation, want int) (int, scale.Reason) {
	c := condition(obs, scale.CannotPlace)
	if c == nil {
		return want, scale.Reason{}
	}
	room := max(c.Limit, obs.CurrentReplicas)
	if want <= room {
		return want, scale.Reason{}
	}
	return room, scale.Because(scale.CannotPlace, "{0} instead of {1}: there is room for {2}", float64(room), float64(want), float64(max(0, c.Limit)))
}
