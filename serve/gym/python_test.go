package gym_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
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
	out := in(t, program, "train_sb3.py", "--steps", "1024", "--copies", "8", "--workloads", "2")
	if !strings.Contains(out, "as the base -0.") || !strings.Contains(out, "after 1024 steps") {
		t.Errorf("it says %s", out)
	}
}
