package app

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/kubernetes"
)

// far is a source that takes its time, as a server at the other end of a
// bad line does.
type far struct {
	takes   time.Duration
	asked   atomic.Int32
	open    atomic.Int32
	overlap atomic.Bool
	fails   atomic.Bool
}

func (*far) Signals() []string { return []string{"rps"} }

func (r *far) Collect(ctx context.Context) ([]scale.Sample, error) {
	r.asked.Add(1)
	if r.open.Add(1) > 1 {
		r.overlap.Store(true)
	}
	defer r.open.Add(-1)
	at := clock.System.Now()
	select {
	case <-clock.System.After(r.takes):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if r.fails.Load() {
		return nil, errors.New("it rains")
	}
	return []scale.Sample{{Signal: "rps", At: at, Value: 7}}, nil
}

func (r *far) spec(interval time.Duration) SourceSpec {
	return SourceSpec{Signal: "rps", Plugin: scale.Plugin{Kind: "remote"}, Signals: []string{"rps"}, Interval: scale.Duration(interval),
		build: func(source.Env) (source.Source, error) { return r, nil }}
}

// reading runs what measures a service with the sources, and hands over its
// reports.
func reading(t *testing.T, sources ...SourceSpec) (s *Service, reports <-chan control.Report) {
	t.Helper()
	b, spec := busmemory.New(), cooling()
	spec.Sync, spec.Sources = scale.Duration(15*time.Second), sources
	s, err := NewService(t.Context(), spec, &silent{}, testDeps(t, b, nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	reports, err = control.Reports(b, "shop").Subscribe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.measure(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, reports
}

// brings is how many of the signal's samples a report has, and its faults.
func brings(r control.Report) (samples int, faults string) {
	var all []string
	for _, f := range r.Faults {
		all = append(all, f.From+": "+f.Error)
	}
	for _, s := range r.Samples {
		if s.Signal == "rps" {
			samples++
		}
	}
	return samples, strings.Join(all, "; ")
}

// A server that answers after 4 s is within its timeout of 5 s: its values
// must arrive, dated with when they were measured, and reports must not wait.
func TestASlowSourceIsReadAndDelaysNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &far{takes: 4 * time.Second}
		_, reports := reading(t, slow.spec(5*time.Second))
		last, began := clock.System.Now(), clock.System.Now()
		got := 0
		for r := range reports {
			if gap := r.At.Sub(last); gap > 2*time.Second {
				t.Errorf("a report after %v, want one a second", gap)
			}
			last = r.At
			n, _ := brings(r)
			got += n
			if r.At.Sub(began) > 20*time.Second {
				break
			}
		}
		if got == 0 {
			t.Error("no sample arrived in 20 s from a source that answers after 4 s")
		}
		if slow.overlap.Load() {
			t.Error("asked again before it had answered")
		}
	})
}

// A server is asked at the interval of the signal, not with every report.
func TestASourceIsAskedAtItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := &far{}
		_, reports := reading(t, quick.spec(10*time.Second))
		for range 61 { // a minute
			<-reports
		}
		if n := quick.asked.Load(); n < 6 || n > 7 {
			t.Errorf("asked %d times in a minute, want every 10 s", n)
		}
	})
}

// A failure is said in every report until it is over, and takes no value with
// it: the last one grows old by its date.
func TestAFailureIsSaidUntilTheNextSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &far{}
		_, reports := reading(t, r.spec(3*time.Second))
		if n, faults := brings(<-reports); n != 1 || faults != "" {
			t.Errorf("the first report: got %d samples and faults %q, want the sample at once", n, faults)
		}
		r.fails.Store(true)
		for range 5 {
			<-reports
		}
		failing := clock.System.Now()
		for range 3 {
			report := <-reports
			n, faults := brings(report)
			if n != 1 || faults != "remote rps: it rains" {
				t.Errorf("while it fails: got %d samples and faults %q, want the old sample and why there is no newer", n, faults)
			}
			if age := failing.Sub(report.Samples[0].At); age < 3*time.Second {
				t.Errorf("the old sample is %v old, want it to keep its date", age)
			}
		}
		r.fails.Store(false)
		for range 4 {
			<-reports
		}
		if _, faults := brings(<-reports); faults != "" {
			t.Errorf("got %q after a success, want no fault", faults)
		}
	})
}

// A source that never answers is given up after a while; until then it is said
// that there is no answer.
func TestASourceThatHangsIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, reports := reading(t, (&far{takes: time.Hour}).spec(5*time.Second))
		if _, faults := brings(<-reports); faults != "remote rps: has not answered yet" {
			t.Errorf("got faults %q, want that there is no answer", faults)
		}
		for range 35 {
			<-reports
		}
		if _, faults := brings(<-reports); !strings.Contains(faults, "no answer within 30s") {
			t.Errorf("got faults %q, want how long was waited", faults)
		}
	})
}

// A changed entry below signals leaves the others alone: what they have
// counted since they started goes on.
func TestAReloadKeepsTheSourcesThatAreUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var built, running [3]atomic.Int32
		entry := func(i int, kind string) SourceSpec {
			name := []string{"a", "b", "c"}[i]
			return SourceSpec{Signal: name, Plugin: scale.Plugin{Kind: kind}, Signals: []string{name}, Interval: scale.Duration(time.Second),
				build: func(source.Env) (source.Source, error) { return starting{&built[i], ticking{&running[i]}}, nil }}
		}
		s, reports := reading(t, entry(0, "x"), entry(1, "x"))
		<-reports
		next := cooling()
		next.Sync = s.spec.Sync
		changed := entry(1, "y")
		next.Sources = []SourceSpec{entry(2, "x"), changed, entry(0, "x")} // in another order
		s.specs <- next
		synctest.Wait()
		<-reports
		for i, want := range []int32{1, 2, 1} {
			if got := built[i].Load(); got != want {
				t.Errorf("source %d was started %d times, want %d", i, got, want)
			}
			if got := running[i].Load(); got != 1 {
				t.Errorf("source %d runs %d times, want once", i, got)
			}
		}
		again := cooling()
		again.Sync = s.spec.Sync
		again.Sources = []SourceSpec{entry(2, "x")}
		s.specs <- again
		synctest.Wait()
		if a, b, c := running[0].Load(), running[1].Load(), running[2].Load(); a != 0 || b != 0 || c != 1 {
			t.Errorf("running: %d, %d, %d, want the third alone", a, b, c)
		}
		if got := built[2].Load(); got != 1 {
			t.Errorf("the one that stays was started %d times, want once", got)
		}
	})
}

// starting says how often a source was started.
type starting struct {
	started *atomic.Int32
	ticking
}

func (c starting) Run(ctx context.Context) error {
	c.started.Add(1)
	return c.ticking.Run(ctx)
}

// Sources of a cluster look where the target is; a document that says nothing
// leaves it to the context.
func TestSourcesLookWhereTheTargetIs(t *testing.T) {
	object := kubernetes.Default()
	object.Name = "web"
	own := object
	own.Namespace = "cart"
	for _, tc := range []struct {
		document string
		target   target.Config
		want     string
	}{
		{"", &object, ""}, {"shop", &object, "shop"}, {"shop", &own, "cart"}, {"", &own, "cart"}, {"shop", nil, "shop"},
	} {
		s := Spec{Target: tc.target}
		s.doc.Metadata.Namespace = tc.document
		if got := s.namespace(); got != tc.want {
			t.Errorf("document in %q, target %+v: got %q, want %q", tc.document, tc.target, got, tc.want)
		}
	}
}
