package series_test

import (
	"testing"
	"time"

	"github.com/flyball-io/flyball/series"
	"pgregory.net/rapid"
)

func at(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }

// The ring always holds what a plain list of the newest points would hold.
func TestRingIsTheNewestPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 6).Draw(t, "capacity")
		ring, list := series.NewRing(capacity), []series.Point(nil)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			second := rapid.IntRange(0, 30).Draw(t, "second")
			p := series.Point{At: at(second), Value: rapid.Float64().Draw(t, "value")}
			if rapid.Bool().Draw(t, "drop") {
				ring.DropBefore(p.At)
				for len(list) > 0 && list[0].At.Before(p.At) {
					list = list[1:]
				}
				continue
			}
			ring.Add(p)
			switch n := len(list); {
			case n > 0 && p.At.Equal(list[n-1].At):
				list[n-1] = p
			case n > 0 && p.At.Before(list[n-1].At):
			default:
				list = append(list, p)
			}
			list = list[max(0, len(list)-capacity):]
		}
		got := ring.Points()
		if len(got) != len(list) {
			t.Fatalf("%d points, want %d", len(got), len(list))
		}
		for i := range list {
			if got[i] != list[i] {
				t.Fatalf("point %d: %v, want %v", i, got[i], list[i])
			}
		}
	})
}

func TestRingAddDoesNotAllocate(t *testing.T) {
	ring, second := series.NewRing(16), 0
	if n := testing.AllocsPerRun(100, func() {
		second++
		ring.Add(series.Point{At: at(second), Value: 1})
	}); n != 0 {
		t.Errorf("Add allocates %v times, want 0", n)
	}
}
