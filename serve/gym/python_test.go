package gym_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/neural/onnx/onnxtest"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/serve/gym"
)

// python is the Python with Gymnasium: bin/python, which scripts/test-python makes,
// or what FLYBALL_PYTHON names.
func python(t *testing.T) string {
	t.Helper()
	program := os.Getenv("FLYBALL_PYTHON")
	if program == "" {
		program = filepath.Join(folder(t, "bin"), "python", "bin", "python")
	}
	if lacks(t, program, "gymnasium") {
		testenv.Missing(t, "a Python with gymnasium (scripts/test-python makes one, or FLYBALL_PYTHON names it)")
	}
	return program
}

// lacks reports whether a package is not there.
func lacks(t *testing.T, program, name string) bool {
	t.Helper()
	return exec.CommandContext(t.Context(), program, "-c", "import "+name).Run() != nil
}

// folder is one of the repository.
func folder(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// in runs a program of the example against a server of the environment of scaling.
func in(t *testing.T, program string, args ...string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), program, args...)
	run.Dir = folder(t, "examples/gym")
	run.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1",
		"FLYBALL_GYM="+serve(t, func(o *gym.Options) { o.Environments = []gym.Environment{gym.Scaling()} }))
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// The client of the example with the real Gymnasium, whose own checker is asked.
func TestTheClientWithGymnasium(t *testing.T) {
	out := in(t, python(t), "-m", "unittest", "-v", "flyball_gym_test")
	for _, name := range []string{"test_gymnasium_finds_nothing_wrong", "test_gymnasiums_wrappers_take_it", "test_the_same_seed_and_actions_are_the_same_episode"} {
		if !strings.Contains(out, name) {
			t.Errorf("%s was not run:\n%s", name, out)
		}
	}
}

// Stable-Baselines3 trains on it. How well is for the documentation: here are a few
// hundred steps.
func TestTheExampleWithStableBaselines3(t *testing.T) {
	testenv.Long(t)
	program := python(t)
	if lacks(t, program, "stable_baselines3") {
		t.Skip("stable_baselines3 is missing") //nolint:forbidigo // in CI too: PyTorch has gigabytes; docs/gym.md says what was run
	}
	args := []string{"train_sb3.py", "--steps", "1024", "--copies", "8", "--workloads", "2"}
	file := filepath.Join(t.TempDir(), "policy.onnx")
	writes := !lacks(t, program, "onnx")
	if writes {
		args = append(args, "--onnx", file)
	}
	out := in(t, program, args...)
	if !strings.Contains(out, "as the base -0.") || !strings.Contains(out, "after 1024 steps") {
		t.Errorf("it says %s", out)
	}
	if !writes {
		return
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := learned.Read(data)
	if err != nil || m.Origin.Algorithm != "ppo" || m.Origin.Description != "Stable-Baselines3" || m.Origin.Steps != 1024 || len(m.Net.Layers()) != 3 {
		t.Errorf("%v, %+v; want a model of three layers and 1024 steps of ppo", err, m)
	}
}

// says prints what a model's file must say after a hundred decisions as the base.
const says = `
import numpy, flyball_gym
envs = flyball_gym.FlyballVectorEnv(num_envs=5, options={"workloads": 2})
survey = flyball_gym.Survey(envs.about["width"])
survey.add(envs.reset(seed=1)[0])
for _ in range(100):
    survey.add(envs.step(numpy.full(5, 3))[0])
print(flyball_gym.model_property(envs.about, survey, algorithm="none", steps=500))
`

// What the client says of a model is what the policy learned asks of an ONNX file.
func TestWhatTheClientSaysOfAModelIsEnough(t *testing.T) {
	said := in(t, python(t), "-c", says)
	actions := learned.StandardActions()
	net, err := neural.New(learned.Width, neural.Layer{Outputs: len(actions)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := learned.Read(onnxtest.File(net, map[string]string{learned.Property: said}))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Actions, actions) || m.Origin.Steps != 500 || m.Features.Std[0] == 0 || slices.Equal(m.Features.Least, m.Features.Most) {
		t.Errorf("%v of %+v, by %+v", m.Actions, m.Origin, m.Features)
	}
}
