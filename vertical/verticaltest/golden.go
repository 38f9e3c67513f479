// Package verticaltest has what containers use, as they are known from real
// ones, for tests of who sizes them: those here, and those that hold package
// vertical against the Vertical Pod Autoscaler itself (test/vpadiff).
package verticaltest

import (
	"time"

	"github.com/flyball-io/flyball/vertical"
)

// Start is the first minute of every series.
func Start() time.Time { return time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC) }

// Minutes is how long every series is: ten days.
const Minutes = 10 * 1440

// Series is what the one container of one replica uses, minute by minute. All is
// whole numbers, so that it is the same on every machine.
type Series struct {
	Name string
	// Used is thousandths of a core and MiB in a minute.
	Used func(minute int) (milli, mebibytes int)
	// RunsOut says of a minute whether the container runs out of memory in it,
	// having asked for so many MiB.
	RunsOut func(minute int) (mebibytes int, out bool)
}

// Golden returns the series.
func Golden() []Series {
	never := func(int) (int, bool) { return 0, false }
	return []Series{
		{"steady", func(int) (int, int) { return 250, 400 }, never},
		{"idle", func(int) (int, int) { return 1, 12 }, never},
		{"diurnal", func(m int) (int, int) { return 100 + wave(m), 600 + wave(m)/2 }, never},
		{"spikes", func(m int) (int, int) { return pick(m%360 < 5, 4000, 120), pick(m%1000 < 3, 3000, 300) }, never},
		{"growth", func(m int) (int, int) { return 100 + m/20, 200 + m/10 }, never},
		{"leak, restarted", func(m int) (int, int) { return 200, 100 + m%2000 }, never},
		{"sawtooth", func(m int) (int, int) { return 300, 256 + 3*(m%90) }, never},
		{"runs out each second day", func(int) (int, int) { return 300, 500 }, func(m int) (int, bool) { return 512, m%2880 == 1500 }},
		{"runs out for days on end", func(m int) (int, int) { return 300, 400 + m/100 }, func(m int) (int, bool) { return 450 + m/50, m > 9000 && m%300 == 7 }},
		{"large", func(int) (int, int) { return 90_000, 900_000 }, never},
		{"beyond all buckets", func(int) (int, int) { return 2_000_000, 4_000_000 }, never},
	}
}

// wave goes from 0 to 719 and back in a day.
func wave(minute int) int {
	if m := minute % 1440; m < 720 {
		return m
	}
	return 1439 - minute%1440
}

func pick(when bool, a, b int) int {
	if when {
		return a
	}
	return b
}

// Recommender is what is fed: ours, or the one it is held against.
type Recommender interface {
	Add(u vertical.Usage) error
	AddOOM(o vertical.OOM) error
}

// Replica and Container are the names of what the series tell of.
const (
	Replica   = "web-1"
	Container = "web"
)

// Feed tells one minute of a series.
func (s Series) Feed(r Recommender, minute int) error {
	const mebibyte = 1 << 20
	at := Start().Add(time.Duration(minute) * time.Minute)
	milli, mebibytes := s.Used(minute)
	usage := vertical.Usage{Replica: Replica, Container: Container, Resource: vertical.CPU, Start: at, Amount: vertical.Amount(milli)}
	if err := r.Add(usage); err != nil {
		return err
	}
	usage.Resource, usage.Amount = vertical.Memory, vertical.Amount(mebibytes)*mebibyte
	if err := r.Add(usage); err != nil {
		return err
	}
	if had, out := s.RunsOut(minute); out {
		return r.AddOOM(vertical.OOM{Replica: Replica, Container: Container, At: at, Requested: vertical.Amount(had) * mebibyte})
	}
	return nil
}

// Looked reports the minutes after which recommendations are compared: often in
// the first day, where bounds move, then twice a day.
func Looked(minute int) bool { return minute%720 == 0 || (minute < 1440 && minute%60 == 30) }

// Answer is what a recommender said of a resource after a minute of a series.
type Answer struct {
	Series   string            `json:"series"`
	Minute   int               `json:"minute"`
	Resource vertical.Resource `json:"resource"`
	Target   vertical.Amount   `json:"target"`
	Lower    vertical.Amount   `json:"lower"`
	Upper    vertical.Amount   `json:"upper"`
}
