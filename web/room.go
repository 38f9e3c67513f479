package web

import "time"

// What is kept in memory of one target at most: three hours of seconds and the
// last decisions that differ from their predecessor.
const (
	maxPoints    = 3 * 60 * 60
	maxDecisions = 2000
	maxRecent    = 64
)

// What is kept of all targets together, some 250 MB. A thousand targets have
// room for ten minutes each; what is older is read from the record.
const (
	allPoints    = 600_000
	allDecisions = 50_000
)

// room is how much is kept of one target.
type room struct {
	points    int // seconds
	decisions int // lines of the log
	recent    int // decisions that are kept whole
}

// roomFor shares out what there is among that many targets.
func roomFor(targets int) room {
	targets = max(1, targets)
	return room{
		points:    min(maxPoints, max(300, allPoints/targets)),
		decisions: min(maxDecisions, max(20, allDecisions/targets)),
		recent:    min(maxRecent, max(4, allDecisions/targets/4)),
	}
}

// span is the time that the points cover.
func (r room) span() time.Duration { return time.Duration(r.points) * time.Second }

// bound drops the oldest of all, but seldom: not with each that comes.
func bound[T any](all []T, most int) []T {
	if len(all) < most+most/8+1 {
		return all
	}
	kept := copy(all, all[len(all)-most:])
	clear(all[kept:])
	return all[:kept]
}
