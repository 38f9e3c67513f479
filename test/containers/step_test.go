//go:build linux

package containers

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	api "github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/swarm"
)

// `make measure-step` sets these; without them there is one short run, which
// shows that the measurement works.
var (
	stepRuns = flag.Int("step-runs", 0, "runs for each kind of target of the time from a load step to a new replica; 0 is one short one")
	stepSync = flag.Duration("step-sync", 15*time.Second, "time between two decisions in these runs")
)

const (
	// steady is a quarter of what a replica of four slots and 50 ms a request
	// carries, stepped three times as much as it does: the policy may have found
	// one or two right before.
	steady, stepped = 20.0, 240.0
	stepApp         = `{"slots":4,"serviceMean":"50ms","linger":"3s","shutdownTimeout":"5s"}`
	// before is how long a service is known when its load rises.
	before = 30 * time.Second
	// calmFor is how long nothing has changed when it rises.
	calmFor = 2 * time.Second
)

// stepDocument is what `flyball deploy` writes, but for sync.
const stepDocument = `{apiVersion: flyball.io/v1alpha1, kind: Autoscaler, metadata: {name: web}, spec: {
  target: {%s: %s}, balancer: {builtin: {listen: %q}}, replicas: {min: 1, max: 5},
  objective: {latency: {threshold: 500ms, target: 99%%, window: 1h}}, policy: {predictive: {}}, sync: %v}}
`

// From the first request of a load step: when was it decided to have more
// replicas, when did the first of them run, and when did it answer?
func TestTimeFromLoadStepToNewReplica(t *testing.T) {
	testenv.Long(t)
	measured, runs, sync, known := []string{"docker", "compose", "swarm"}, *stepRuns, *stepSync, before
	if runs == 0 {
		measured, runs, sync, known = measured[:1], 1, time.Second, 10*time.Second
	}
	table := stepTable
	for _, kind := range measured {
		t.Run(kind, func(t *testing.T) {
			physical := starts(t, kind, max(3, runs))
			var steps []step
			for i := range runs {
				// Steps fall everywhere between two decisions.
				phase := time.Duration((float64(i) + 0.5) / float64(runs) * float64(sync))
				t.Run(fmt.Sprint(i), func(t *testing.T) { steps = append(steps, measureStep(t, kind, sync, known, phase)) })
			}
			if len(steps) == runs {
				table += row(kind, physical, steps) + loadAverage(t) + " |\n"
			}
		})
	}
	t.Logf("one decision in %v, %d runs each: median, worst\n%s", sync, runs, table)
}

const stepTable = `| target | by hand, no step | decided | runs | answers | answers after the decision | load average |
|---|---|---|---|---|---|---|
`

// step is what happened after the first request of a load step, and when.
type step struct{ decided, runs, answered time.Duration }

// measureStep runs the program on a service that has known a steady load for a
// time when it rises, a phase after it has settled.
func measureStep(t *testing.T, kind string, sync, known, phase time.Duration) step {
	engine, address := dockertest.Engine(t), freeAddress(t)
	cfg := kinds[kind](t, stepApp)
	if tasks, is := cfg.(*swarm.Config); is {
		tasks.Interval = swarm.Default().Interval
	}
	server := runProgram(t, kind, cfg, address, sync)
	eventually(t, "the first answer", func() bool { return answered("http://" + address + "/") })
	calm := sendNoting(t, address, steady)
	time.Sleep(known)
	settled(t, server)
	time.Sleep(phase) // it settles with a decision
	decisions, started := hearDecisions(t, server), hearStarts(t, engine)
	rise := sendNoting(t, address, stepped-steady)
	rise.old = calm.seen()
	began := receive(t, "the first request of the step", rise.began)
	took := step{
		decided:  since(t, "a decision for more", decisions, began),
		runs:     since(t, "a container that starts", started, began),
		answered: since(t, "an answer of a new replica", rise.fresh, began),
	}
	t.Logf("decided after %v, runs after %v, answered after %v", took.decided, took.runs, took.answered)
	if took.decided > took.runs || took.runs > took.answered {
		t.Error("that is out of order: what ran or answered was asked for before the step")
	}
	return took
}

// settled waits until no replica has come or gone for a while: what comes
// after the step must be an answer to it.
func settled(t *testing.T, server *api.Client) {
	t.Helper()
	var changed time.Time
	eventually(t, "nothing changes", func() bool {
		found, err := server.Target(t.Context(), "web")
		must(t, err)
		d := found.Target.Decision
		if changed.IsZero() || d == nil || d.Changes() || len(found.Target.Replicas) != d.To {
			changed = time.Now()
		}
		return time.Since(changed) > calmFor
	})
}

// runProgram runs `flyball run` until the test ends, and returns its API.
func runProgram(t *testing.T, kind string, cfg target.Config, address string, sync time.Duration) *api.Client {
	t.Helper()
	dir, listen := openDir(t), freeAddress(t)
	body, err := json.Marshal(cfg)
	must(t, err)
	file := filepath.Join(dir, "web.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, stepDocument, kind, body, address, scale.Duration(sync)), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer log.Close()
	cmd := exec.Command(program(), "run", "-f", file, "--state-dir", filepath.Join(dir, "state"), "--listen", listen)
	cmd.Stdout, cmd.Stderr = log, log
	testenv.EndWithTest(cmd)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if said, err := os.ReadFile(log.Name()); err == nil {
			t.Logf("flyball run:\n%s", said)
		}
	})
	server, err := api.New(api.Options{Server: "http://" + listen})
	must(t, err)
	eventually(t, "the controller answers", func() bool { _, err := server.Target(t.Context(), "web"); return err == nil })
	return server
}

// hearDecisions brings the instant of the next decision for more replicas.
func hearDecisions(t *testing.T, server *api.Client) <-chan time.Time {
	t.Helper()
	heard := make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		_ = server.Stream(ctx, "web", "", func(m api.Message) error {
			var d api.Decision
			if m.Kind == api.DecisionMessage && json.Unmarshal(m.Data, &d) == nil && d.To > d.From {
				note(heard, time.Now())
			}
			return nil
		})
	}()
	return heard
}

// hearStarts brings the instant at which the engine starts the next container.
func hearStarts(t *testing.T, engine *dockertest.Daemon) <-chan time.Time {
	t.Helper()
	heard := make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	happened := engine.API.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("type", "container").Add("event", "start")})
	go func() {
		for {
			select {
			case e := <-happened.Messages:
				if e.Action == events.ActionStart {
					note(heard, time.Unix(0, e.TimeNano))
				}
			case <-happened.Err:
				return
			}
		}
	}()
	return heard
}

// note keeps the first instant.
func note(heard chan<- time.Time, at time.Time) {
	select {
	case heard <- at:
	default:
	}
}

func receive(t *testing.T, what string, heard <-chan time.Time) time.Time {
	t.Helper()
	select {
	case at := <-heard:
		return at
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
		return time.Time{}
	}
}

// since is how long after began something happened; before, it is no answer to
// the step.
func since(t *testing.T, what string, heard <-chan time.Time, began time.Time) time.Duration {
	t.Helper()
	took := receive(t, what, heard).Sub(began)
	if took <= 0 {
		t.Fatalf("%s: %v before the step", what, -took)
	}
	return took
}
