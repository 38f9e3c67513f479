package sizing

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/flyball-io/flyball/vertical"
	"github.com/flyball-io/flyball/workload"
)

// Quantities of traces that are CPU, and what is made of them: of a machine of
// four cores, and of a whole fleet as much as a container is.
const (
	cpuPercent, busyCores = "cpu_percent", "busy_cores"
	coresOfMachine        = 4.0
	shareOfFleet          = 1e-4
)

// FromTrace is a recorded use of CPU: a percentage of a machine with four cores,
// or one ten-thousandth of the cores of a fleet.
func FromTrace(name string, t *workload.Trace) (Workload, error) {
	factor := 0.0
	switch t.Quantity() {
	case cpuPercent:
		factor = coresOfMachine / 100
	case busyCores:
		factor = shareOfFleet
	default:
		return Workload{}, fmt.Errorf("trace %s holds %s: must hold %s or %s", name, t.Quantity(), cpuPercent, busyCores)
	}
	if t.Duration() <= firstDay {
		return Workload{}, fmt.Errorf("trace %s is %v long: must be more than the first day, which is not scored", name, t.Duration())
	}
	bins := t.Bins()
	demand := func(at, _ time.Duration) float64 {
		i, found := slices.BinarySearchFunc(bins, at, func(b workload.Bin, at time.Duration) int { return int(b.At - at) })
		if !found {
			i--
		}
		if i < 0 || at >= bins[i].At+bins[i].Width {
			return math.NaN()
		}
		return bins[i].RPS * factor
	}
	return Workload{Name: name, Resource: vertical.CPU, Length: t.Duration(), Demand: demand}, nil
}

const (
	mebibyte = 1 << 20
	day      = 24 * time.Hour
	length   = 14 * day // of what is generated
)

// Generated are uses of memory that every operator knows, two weeks each. Beside
// the shape there is noise of 2 %, the same for every contestant.
func Generated() []Workload {
	phase := func(at, of time.Duration) float64 { return float64(at%of) / float64(of) }
	shapes := []struct {
		name      string
		mebibytes func(at, age time.Duration, rng *rand.Rand) float64
	}{
		// What a cache does that fills with data for ever.
		{"growth", func(at, _ time.Duration, _ *rand.Rand) float64 { return 300 + 900*at.Hours()/length.Hours() }},
		// A leak of 20 MiB an hour, healed by the restart of each third day.
		{"leak, restarted", func(at, age time.Duration, _ *rand.Rand) float64 {
			return 250 + 20*min(age, at%(3*day)).Hours()
		}},
		// A job twice a day that needs three times as much for ten minutes.
		{"spikes", func(at, _ time.Duration, _ *rand.Rand) float64 {
			if at%(12*time.Hour) < 10*time.Minute && at > 0 {
				return 1200
			}
			return 400
		}},
		// A collector that runs when the heap has doubled, every hour and a half.
		{"sawtooth", func(at, _ time.Duration, _ *rand.Rand) float64 { return 300 + 300*phase(at, 90*time.Minute) }},
		// Sessions of users, with a weekend.
		{"diurnal", func(at, _ time.Duration, _ *rand.Rand) float64 {
			swing := 400.0
			if int(at/day)%7 >= 5 {
				swing = 150
			}
			return 500 - swing*math.Cos(2*math.Pi*phase(at, day))
		}},
		// A batch each night, now and then one twice as large.
		{"rare peaks", func(_, _ time.Duration, rng *rand.Rand) float64 {
			if rng.Float64() < 1.0/4000 {
				return 1500
			}
			return 500
		}},
		// So little that the floor of the Vertical Pod Autoscaler is all.
		{"small", func(time.Duration, time.Duration, *rand.Rand) float64 { return 40 }},
	}
	var all []Workload
	for i, s := range shapes {
		demand := func(at, age time.Duration) float64 {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(at/time.Minute)))
			value := s.mebibytes(at, age, rng)
			return mebibyte * value * (1 + 0.02*(rng.Float64()-0.5))
		}
		all = append(all, Workload{Name: s.name, Resource: vertical.Memory, Length: length, Demand: demand})
	}
	return all
}
