package replicas

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/targettest"
)

// scenario is a replica whose time has come, with a drain that lasts.
type scenario struct {
	traffic          targettest.Traffic
	exited, stopping chan struct{}
	patient          context.Context
	hurry            context.CancelFunc
	over             chan struct{}

	mu   sync.Mutex // guards what follows
	said []error
}

func (s *scenario) begin(t *testing.T, served bool) {
	s.exited, s.stopping, s.over = make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.patient, s.hurry = context.WithCancel(t.Context())
	d := Draining{Clock: clock.System, Log: slog.New(slog.DiscardHandler), Traffic: &s.traffic, ID: "a", Timeout: 30 * time.Second,
		Served: served, Exited: s.exited, Stopping: s.stopping, Behind: func(why error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.said = append(s.said, why)
		}}
	go func() { d.Run(s.patient); close(s.over) }()
}

// lasts is how long it took, up to an hour.
func (s *scenario) lasts() time.Duration {
	began := time.Now()
	select {
	case <-s.over:
	case <-time.After(time.Hour):
	}
	return time.Since(began)
}

func TestHowLongAReplicaWaitsForItsBalancer(t *testing.T) {
	for _, test := range []struct {
		rule   string
		unused bool
		then   func(*scenario) // after 10 minutes and a second
		want   time.Duration
	}{
		{"for ever, where it does not follow", false, func(*scenario) {}, time.Hour},
		{"until it follows, seen within 5 s, then drainTimeout", false, func(s *scenario) { s.traffic.Cling(false) }, 10*time.Minute + 35*time.Second},
		{"until the replica has ended", false, func(s *scenario) { close(s.exited) }, 10*time.Minute + time.Second},
		{"until all of the service ends, then drainTimeout", false, func(s *scenario) { close(s.stopping) }, 10*time.Minute + 31*time.Second},
		{"until somebody has no patience", false, func(s *scenario) { s.hurry() }, 10*time.Minute + time.Second},
		{"drainTimeout, where it never took requests", true, func(*scenario) {}, 30 * time.Second},
	} {
		t.Run(test.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scenario{}
				s.traffic.Cling(true)
				s.traffic.Hold()
				s.begin(t, !test.unused)
				then := time.AfterFunc(10*time.Minute+time.Second, func() { test.then(s) })
				defer then.Stop()
				if took := s.lasts(); took != test.want {
					t.Errorf("took %v, want %v", took, test.want)
				}
				s.hurry()
				<-s.over
			})
		})
	}
}

func TestWhatIsSaidOfABalancerThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scenario{}
		s.traffic.Cling(true)
		s.begin(t, true)
		time.Sleep(11 * time.Second)
		s.traffic.Cling(false)
		s.lasts()
		want := []error{targettest.ErrClings, targettest.ErrClings, targettest.ErrClings, nil}
		if len(s.said) != len(want) || !errors.Is(s.said[0], want[0]) || s.said[3] != nil {
			t.Errorf("said %v, want %v: each 5 s, and that it is over", s.said, want)
		}
	})
}

func TestBehindCondition(t *testing.T) {
	if c, ok := BehindCondition(nil); ok {
		t.Errorf("a condition of nothing: %v", c)
	}
	c, ok := BehindCondition([]Behind{{"b", targettest.ErrClings, at(2)}, {"a", targettest.ErrClings, at(1)}})
	if !ok || !c.Since.Equal(at(1)) || !strings.Contains(c.Message, "a and 1 more") || !strings.Contains(c.Message, targettest.ErrClings.Error()) {
		t.Errorf("got %+v, want the first, how many more, since when and why", c)
	}
}

func TestBehindIsNewOnce(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	b := Behind{}.Next(log, "a", at(1), targettest.ErrClings)
	if b = b.Next(log, "a", at(2), context.DeadlineExceeded); !b.Since.Equal(at(1)) || !errors.Is(b.Why, context.DeadlineExceeded) {
		t.Errorf("got %+v, want the newest reason since the first", b)
	}
	if b = b.Next(log, "a", at(3), nil); b.Why != nil {
		t.Errorf("got %+v once it follows", b)
	}
}

// gone is a balancer that has ended.
type gone struct{ targettest.Traffic }

func (*gone) Leave(context.Context, string) error { return errors.New("no proxy is running") }
func (*gone) Drain(context.Context, string) error { return errors.New("no proxy is running") }

// Where all of the service ends, its balancer has ended before: nobody is told
// that it does not follow.
func TestABalancerThatHasEndedIsNotBehind(t *testing.T) {
	stopping := make(chan struct{})
	close(stopping)
	for range 200 {
		Draining{Clock: clock.System, Log: slog.New(slog.DiscardHandler), Traffic: &gone{}, ID: "a", Timeout: time.Second, Served: true,
			Exited: make(chan struct{}), Stopping: stopping,
			Behind: func(why error) { t.Errorf("behind: %v", why) }}.Run(t.Context())
		if t.Failed() {
			break
		}
	}
}
