package haproxy

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
)

func TestEdgesHoldTheThreshold(t *testing.T) {
	for _, threshold := range []time.Duration{0, 50 * time.Microsecond, time.Millisecond, 250 * time.Millisecond, 777 * time.Millisecond, time.Minute} {
		e := edges(scale.Duration(threshold))
		found := false
		for i, at := range e {
			found = found || at == around(scale.Duration(threshold)).Microseconds()
			if i > 0 && (at <= e[i-1] || float64(at)/float64(e[i-1]) > math.Exp2(1.0/perOctave)*1.02) {
				t.Errorf("%v: edge %d µs after %d µs, want a third of an octave", threshold, at, e[i-1])
			}
		}
		if !found || len(e)+2 > 100 { // HAProxy's most counters in one entry
			t.Errorf("%v: %d edges, the threshold among them: %v", threshold, len(e), found)
		}
	}
}

func TestCountersThatFellBeganAnew(t *testing.T) {
	before := counts{arrived: 100, answered: 90, failed: 10}
	got := counts{arrived: 5, answered: 95, failed: 10}.since(before)
	if got.arrived != 5 || got.answered != 5 || got.failed != 0 {
		t.Errorf("got %+v", got)
	}
}

const oneServer = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n4 app 1 slot1 127.0.0.1 2 4 8080\n"

// What HAProxy says is read or refused, whatever it is.
func FuzzAnswers(f *testing.F) {
	f.Add(oneServer)
	f.Add("# pxname,svname,scur,stot,hrsp_2xx,a,b,c,d,e,f\napp,slot1,1,2,3,,,,,,\napp,BACKEND,1,2,3,,,,,,\n")
	f.Add("# table: x, type: integer, size:1, used:1\n0x1: key=1 use=0 exp=0 gpc0=6 gpc1=0\n")
	f.Fuzz(func(t *testing.T, text string) {
		slots, err := slotsOf(text)
		if err == nil && len(slots) > len(text) {
			t.Errorf("%d servers in %q", len(slots), text)
		}
		s := snapshot{slots: slots}
		_ = s.readStat(text)
		if h, err := histOf(text, []int64{1, 2}); err == nil && len(h.counts) != 3 {
			t.Errorf("%d buckets of 3", len(h.counts))
		}
		_, _ = pidOf(text)
	})
}
