package doctor_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app/doctor"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target/process"
)

// later is a clock that is ahead.
type later struct{ clock.Clock }

func (l later) Now() time.Time { return l.Clock.Now().Add(20 * time.Second) }

// A command that never listens is found by asking its replicas: nothing else is
// wrong with it.
func TestReplicasThatNeverListen(t *testing.T) {
	p := newPatient(t)
	cfg := process.Default()
	cfg.Command = []string{"/bin/sleep", "1000"}
	target, err := process.New("shop", cfg, process.Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: p.options.StateDir, DieWithController: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- target.Run(ctx) }()
	t.Cleanup(func() {
		if err := target.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		stop()
		<-ended
	})
	if err := target.SetReplicas(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for {
		if s, err := target.Status(t.Context()); err == nil && len(s.Replicas) == 1 {
			break
		}
		<-clock.System.After(10 * time.Millisecond)
	}
	says(t, p.examine(), "ready", doctor.OK, "0 of 1 replica ready", "")
	p.options.Clock = later{clock.System}
	says(t, p.examine(), "ready", doctor.Fail, "no replica is ready: nothing listens on 127.0.0.1:2", "listen on $PORT")
}
