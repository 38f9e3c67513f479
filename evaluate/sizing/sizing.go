// Package sizing judges who says how much CPU and memory a container should ask
// for: by playing what containers would use against what they are given, minute
// by minute. It reads no clock; the same workloads and contestants give the same
// results byte for byte.
//
//	what is asked for  ┌────────┐         ┌──────
//	                ───┘  slack └─────────┘
//	use            ╱╲__╱╲____╱╲______╱╲___│▔ throttled (CPU), out of memory
//	               ├─── first day ───┤├────── scored ──────►
//
// What is asked for is also the limit: CPU above it is not done, and lost;
// memory above it ends the container, which is back a minute later.
package sizing

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/vertical"
)

// Workload is what one container would use of a resource if nothing held it
// back.
type Workload struct {
	Name     string
	Resource vertical.Resource
	Length   time.Duration
	// Demand is in cores or bytes, after so much time, for a container that has run
	// for age; NaN where nothing was recorded.
	Demand func(at, age time.Duration) float64
}

// Sizer says how much a container asks for. One is made for each play.
type Sizer interface {
	// Size is asked once a minute, before it. What the container was seen to do in
	// the minute before was told.
	Size(now State) vertical.Amount
	// Used tells what it used in the minute that began at a time.
	Used(start time.Time, amount vertical.Amount)
	// OutOfMemory tells that it was ended for want of memory.
	OutOfMemory(at time.Time, had vertical.Amount)
}

// State is what a sizer sees of the container.
type State struct {
	At                           time.Time
	Has                          vertical.Amount
	StartedAt, OOMStarted, OOMAt time.Time
}

// Contestant is a way to size.
type Contestant struct {
	Name string
	New  func(Workload) Sizer
}

// firstDay is not scored: nobody knows anything yet, and all start alike.
const firstDay = 24 * time.Hour

// start is when every play begins.
func start() time.Time { return time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) }

// Score is what one contestant came to on one workload.
type Score struct {
	Workload   string            `json:"workload"`
	Resource   vertical.Resource `json:"resource"`
	Contestant string            `json:"contestant"`
	// Mean is what was asked for, in cores or bytes; Slack the share of it that was
	// not used.
	Mean  float64 `json:"mean"`
	Slack float64 `json:"slack"`
	// Throttled is the share of the time in which a container wanted more CPU than
	// it had, Lost the share of the work that was not done.
	Throttled float64 `json:"throttled"`
	Lost      float64 `json:"lost"`
	// OOMs is how often it ran out of memory, each a minute in which it was not
	// there.
	OOMs int `json:"ooms"`
	// Changes is how often it was resized, the first day included.
	Changes int `json:"changes"`
	// Days are those scored, in which it was there.
	Days float64 `json:"days"`
}

// Judge plays every contestant on every workload.
func Judge(ctx context.Context, workloads []Workload, contestants []Contestant, progress func(done, all int)) ([]Score, error) {
	var scores []Score
	for i, w := range workloads {
		for j, c := range contestants {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("%s by %s: %w", w.Name, c.Name, err)
			}
			scores = append(scores, Play(w, c))
			if progress != nil {
				progress(i*len(contestants)+j+1, len(workloads)*len(contestants))
			}
		}
	}
	return scores, nil
}

// Play plays one contestant on one workload.
func Play(w Workload, c Contestant) Score {
	p := &play{workload: w, sizer: c.New(w), score: Score{Workload: w.Name, Resource: w.Resource, Contestant: c.Name}}
	p.state = State{At: start(), StartedAt: start(), Has: Guess(w)}
	for p.at = 0; p.at < w.Length; p.at += time.Minute {
		p.minute()
	}
	return p.total()
}

// play is one contestant on one workload.
type play struct {
	workload Workload
	sizer    Sizer
	state    State
	at       time.Duration
	score    Score
	// asked, slack, wanted and lost are in amount × minutes; minutes are those
	// scored, and throttled how many of them.
	asked, slack, wanted, lost, throttled float64
	minutes                               int
}

func (p *play) minute() {
	p.state.At = start().Add(p.at)
	if size := p.sizer.Size(p.state); size != p.state.Has {
		p.state.Has = size
		p.score.Changes++
	}
	demand := p.workload.Demand(p.at, p.state.At.Sub(p.state.StartedAt))
	if math.IsNaN(demand) {
		return
	}
	wants := p.workload.Resource.Of(demand)
	if p.workload.Resource == vertical.Memory && wants > p.state.Has {
		p.outOfMemory()
		return
	}
	uses := min(wants, p.state.Has)
	p.sizer.Used(p.state.At, uses)
	if p.scored() {
		p.minutes++
		p.asked += float64(p.state.Has)
		p.slack += float64(p.state.Has - uses)
		p.wanted += float64(wants)
		p.lost += float64(wants - uses)
		if wants > p.state.Has {
			p.throttled++
		}
	}
}

// outOfMemory ends the container; it is back a minute later.
func (p *play) outOfMemory() {
	p.sizer.OutOfMemory(p.state.At, p.state.Has)
	p.state.OOMStarted, p.state.OOMAt = p.state.StartedAt, p.state.At
	p.state.StartedAt = p.state.At.Add(time.Minute)
	if p.scored() {
		p.score.OOMs++
	}
}

func (p *play) scored() bool { return p.at >= firstDay }

func (p *play) total() Score {
	s := p.score
	s.Days = float64(p.minutes) / (24 * 60)
	if p.minutes == 0 {
		return s
	}
	s.Mean = p.asked / float64(p.minutes)
	if p.workload.Resource == vertical.CPU {
		s.Mean /= 1000
	}
	s.Throttled = p.throttled / float64(p.minutes)
	if p.asked > 0 {
		s.Slack = p.slack / p.asked
	}
	if p.wanted > 0 {
		s.Lost = p.lost / p.wanted
	}
	return s
}
