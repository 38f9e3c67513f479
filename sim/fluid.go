package sim

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Fluid is a world that plays in steps: requests are a fluid that replicas let
// through, and how long they take is what queueing theory says of so many
// replicas at such a rate, plus what a backlog adds. It is hundreds of times as
// fast as [Events] and knows of no single request.
//
//	            line (b)        in service (x ≤ c)
//	arrivals ─► ▒▒▒▒▒▒▒▒ ─────► ▒▒▒▒▒▒▒▒▒▒▒▒ ─────► answers, x/m per second
//
// A step of length h brings x to (x + λh)/(1 + h/m), with m the mean service.
// What exceeds the c slots is the line; it is served in the order of arrival at
// c/m per second, so its requests' waits are known. Chance within a step is no
// part of the fluid: [queueing.Table] holds it, for the expected rate λ.
type Fluid struct {
	scenario *Scenario
	law      *fluidLaw
	load     *fluidLoad
	mean     float64 // of a service, seconds
	patience float64 // seconds until clients give up; infinite: never

	now   time.Duration
	timer time.Duration // next change of the fleet or of scoring

	replicas int     // ready
	slots    float64 // of these
	capacity float64 // requests per second they answer
	busy     float64 // slots in use, expected
	line     line64
	present  float64 // requests that are here, as they came
	perSlot  float64 // seconds that each slot of a ready replica was used so far
	members  []fluidMember
	leaving  []leaver

	total counters // until now
	delta counters // of the step that is being measured
	part  float64  // of the step that is over at the measurement

	laws   []*cell // by replicas and load, of those that were met
	met    map[int]float64
	recent recent
	fleet  *fleet
	meter  *meter
	score  score
	steps  uint64
}
