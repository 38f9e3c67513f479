package gym_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/serve/gym"
)

// python returns the Python that has the packages, or skips: they are not
// everywhere, and nothing is fetched for a test. FLYBALL_PYTHON names another one.
func python(t *testing.T, packages ...string) string {
	t.Helper()
	program := cmp.Or(os.Getenv("FLYBALL_PYTHON"), "python3")
	if out, err := exec.CommandContext(t.Context(), program, "-c", "import "+strings.Join(packages, ", ")).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("%s has not all of %v (FLYBALL_PYTHON names one that has): %v: %s", program, packages, err, lines[len(lines)-1])
	}
	return program
}

// in runs a program of the example against a server of the environment of scaling.
func in(t *testing.T, program string, args ...string) string {
	t.Helper()
	folder, err := filepath.Abs("../../examples/gym")
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), program, args...)
	run.Dir = folder
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
	out := in(t, python(t, "gymnasium", "numpy"), "-m", "unittest", "-v", "flyball_gym_test")
	for _, name := range []string{"test_gymnasium_finds_nothing_wrong", "test_gymnasiums_wrappers_take_it", "test_the_same_seed_and_actions_are_the_same_episode"} {
		if !strings.Contains(out, name) {
			t.Errorf("%s was not run:\n%s", name, out)
		}
	}
}

// Stable-Baselines3 trains on it. How well is for the documentation: here are a few
// hundred steps.
func TestTheExampleWithStableBaselines3(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	out := in(t, python(t, "gymnasium", "numpy", "stable_baselines3"), "train_sb3.py", "--steps", "1024", "--copies", "8", "--workloads", "2")
	if !strings.Contains(out, "as the base -0.") || !strings.Contains(out, "after 1024 steps") {
		t.Errorf("it says %s", out)
	}
}
