package stress_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/stress"
)

func TestMain(m *testing.M) { dockertest.Main(m) }

// containers are two of an image.
func containers(t *testing.T, image string) stress.Containers {
	t.Helper()
	daemon := dockertest.Engine(t)
	if image == "shell:1" {
		daemon.ShellImage(t, image)
	} else {
		daemon.Image(t, image)
	}
	engine, err := docker.Open(daemon.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := stress.Containers{Engine: engine, Labels: map[string]string{"test": t.Name()}}
	for i := range 2 {
		id, err := engine.Create(t.Context(), fmt.Sprintf("%s-%d", strings.ToLower(t.Name()), i), docker.Spec{Image: image, Labels: c.Labels})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = engine.Remove(context.WithoutCancel(t.Context()), id) })
		if err := engine.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// used is the CPU time that the containers have used so far, in seconds.
func used(t *testing.T, c stress.Containers) (seconds float64) {
	t.Helper()
	names, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		_ = c.Engine.Stats(ctx, name, func(s docker.Stats) {
			seconds += s.CPU.Seconds()
			stop() // one is enough
		})
		stop()
	}
	return seconds
}

func TestContainersAreStressedAndLeftAsTheyWere(t *testing.T) {
	c := containers(t, "shell:1")
	before := used(t, c)
	var mu sync.Mutex
	var held []string
	o := stress.Options{Load: stress.CPU{Workers: 2}, Duration: 4 * time.Second, Refresh: time.Second, Clock: clock.System}
	result, err := stress.Run(t.Context(), c, o)
	if err != nil || len(result.Replicas) != 2 {
		t.Fatalf("got %+v, %v", result, err)
	}
	after := used(t, c)
	if burned := after - before; burned < 0.2 { // an idle server takes a thousandth of it
		t.Errorf("two containers burned %v s of CPU in 4 s", burned)
	}
	o.Load, o.Tell = stress.Memory{Megabytes: 500}, func(e stress.Event) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, e.Says)
	}
	if result, err = stress.Run(t.Context(), c, o); err != nil || len(result.Failed) > 0 || !strings.Contains(strings.Join(held, "\n"), "holds 63 MB of 500") {
		t.Errorf("got %+v, %v, said %q; want what fits beside one megabyte", result, err, held)
	}
	names, _ := c.List(t.Context())
	for _, name := range names {
		if left := processes(t, c, name); len(left) != 1 {
			t.Errorf("%s: processes %q, want the server alone", name, left)
		}
	}
}

// processes are the command lines in a container but for who looks.
func processes(t *testing.T, c stress.Containers, name string) []string {
	t.Helper()
	var out strings.Builder
	look := `for p in /proc/[0-9]*; do read -r line <$p/stat 2>/dev/null && [ "${p#/proc/}" != $$ ] && echo "$line"; done; true`
	if err := c.Exec(t.Context(), name, []string{"sh", "-c", look}, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func TestAnImageWithoutAShellIsSaid(t *testing.T) {
	c := containers(t, "bare:1")
	_, err := stress.Run(t.Context(), c, stress.Options{Load: stress.CPU{Workers: 1}, Duration: 3 * time.Second, Refresh: time.Second, Clock: clock.System})
	if !errors.Is(err, stress.ErrNobody) || !strings.Contains(err.Error(), "has no shell (sh)") {
		t.Errorf("got %v", err)
	}
}
