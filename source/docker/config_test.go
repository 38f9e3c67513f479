package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/docker"
)

func TestConfigurationsThatAreWrong(t *testing.T) {
	for body, says := range map[string]string{
		`{"measure":"speed"}`:                      "measure: must be one of cpuUtilization, memoryUtilization",
		`{"also":["memoryBytes","x"]}`:             "also[1]: must be one of cpuUtilization",
		`{"also":["memoryBytes","memoryBytes"]}`:   "also[1]: memoryBytes is there already",
		`{"from":"nobody"}`:                        "from: must be engine or agents",
		`{"from":"agents","endpoint":"unix:///x"}`: "endpoint: must be empty with from: agents",
		`{"cpus":-1}`:                              "cpus: must be 0 to 1000000 cores, got -1",
		`{"memory":"12X"}`:                         "memory: must be 1 byte to 1000T",
		`{"window":"1ms"}`:                         "window: must be 1s to 1h, got 1ms",
		`{"window":"2h"}`:                          "window: must be 1s to 1h",
	} {
		cfg := docker.Default()
		if err := json.Unmarshal([]byte(body), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want it to say %q", body, err, says)
		}
	}
}

// The signal may be called as one likes; what it is must be known.
func TestNames(t *testing.T) {
	for _, tc := range []struct{ signal, measure, also, says string }{
		{"cpuUtilization", "", "memoryBytes", ""},
		{"webCPU", "cpuUtilization", "memoryBytes", ""},
		{"webCPU", "", "memoryBytes", "measure: must be given unless the signal's name is one of cpuUtilization"},
		{"memoryBytes", "", "memoryBytes", "also: memoryBytes is the signal itself"},
		{"memoryBytes", "cpuUtilization", "memoryBytes", "also: memoryBytes is the signal itself"},
	} {
		cfg := docker.Default()
		cfg.Measure, cfg.Also = tc.measure, []string{tc.also}
		s, err := docker.New(tc.signal, cfg, source.Env{Clock: clock.System})
		if tc.says != "" {
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%+v: got %v", tc, err)
			}
			continue
		}
		if err != nil || len(s.Signals()) != 2 || s.Signals()[0] != tc.signal || s.Signals()[1] != tc.also {
			t.Errorf("%+v: got %v, %v", tc, s, err)
		}
	}
}

// What is missing is said by Collect, and ends nothing.
func TestWithoutWhatItTakes(t *testing.T) {
	away := docker.Default()
	away.Endpoint = "unix:///none/docker.sock"
	wrong := docker.Default()
	wrong.Endpoint = "nowhere"
	agents := docker.Default()
	agents.From = docker.FromAgents
	nobody := func(context.Context) ([]scale.Replica, error) { return nil, errors.New("no target") }
	for name, tc := range map[string]struct {
		cfg  docker.Config
		env  source.Env
		says string
	}{
		"an engine":         {away, source.Env{Replicas: replicas("a")}, "docker engine unreachable"},
		"a known endpoint":  {wrong, source.Env{Replicas: nobody}, `docker endpoint "nowhere"`},
		"a bus":             {agents, source.Env{Replicas: nobody}, "come over the bus, and there is none"},
		"replicas":          {agents, source.Env{Subscribe: deaf}, "nobody knows the replicas of the target"},
		"the target's word": {agents, source.Env{Subscribe: deaf, Replicas: nobody}, "no target"},
	} {
		t.Run(name, func(t *testing.T) {
			s := running(t, tc.cfg, tc.env)
			until(t, s, "it is said", func(v values, err error) bool {
				return len(v) == 0 && err != nil && strings.Contains(err.Error(), tc.says)
			})
		})
	}
	s, err := docker.New("cpuUtilization", docker.Default(), source.Env{Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if _, err := s.Collect(ctx); err == nil {
		t.Error("no error although the context had ended")
	}
}

// deaf is a bus on which nobody speaks.
func deaf(ctx context.Context, _ string) (<-chan any, error) {
	silence := make(chan any)
	context.AfterFunc(ctx, func() { close(silence) })
	return silence, nil
}
