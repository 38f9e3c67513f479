package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/test/scenario"
)

var update = flag.Bool("update", false, "write what is decided into the .scenario files")

func TestScenarios(t *testing.T) {
	for _, file := range stories(t) {
		t.Run(strings.TrimSuffix(file, ".scenario"), func(t *testing.T) { tell(t, file) })
	}
}

// A rule without a story in which it sets the number is a rule nobody has seen.
func TestEveryPolicyAndEveryGuardHasAStory(t *testing.T) {
	var all strings.Builder
	for _, file := range stories(t) {
		all.WriteString(read(t, file))
	}
	for _, kind := range builtin.New().Policies.Names() {
		if !regexp.MustCompile(`(policy: \{|\n  )` + kind + `:`).MatchString(all.String()) {
			t.Errorf("no scenario has the policy %s", kind)
		}
	}
	s, err := scenario.Parse(read(t, "budget-soft.scenario")) // with every guard there is
	if err != nil {
		t.Fatal(err)
	}
	guards, err := s.Guards()
	if err != nil {
		t.Fatal(err)
	}
	if want := "health, rollout, data, behavior, cooldown, objective floor, wake, budget, bounds"; strings.Join(guards, ", ") != want {
		t.Errorf("guards: got %v, want %s", guards, want)
	}
	for _, name := range guards {
		if !strings.Contains(all.String(), "("+name+": ") {
			t.Errorf("in no scenario the guard %s sets the number", name)
		}
	}
}

// A restart that takes a quarter of an hour, anywhere in any story: what is
// remembered from before must not take away what a controller without memory
// would leave. Only what a day cost is meant to be remembered that long.
func TestARestartThatTakesTimeTakesNothingAway(t *testing.T) {
	for _, file := range stories(t) {
		t.Run(strings.TrimSuffix(file, ".scenario"), func(t *testing.T) {
			s, err := scenario.Parse(read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			for n := range s.Lines {
				restored, fresh, err := s.Resume(n+1, 15*time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				least := min(fresh.DesiredReplicas, fresh.CurrentReplicas)
				if restored.DesiredReplicas < least && restored.SetBy != "budget" {
					t.Errorf("after line %d of the timeline, from %d: got %d (%s: %s), without memory %d (%s: %s)", n+1, restored.CurrentReplicas,
						restored.DesiredReplicas, restored.SetBy, restored.Reason, fresh.DesiredReplicas, fresh.SetBy, fresh.Reason)
				}
			}
		})
	}
}

func stories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func tell(t *testing.T, file string) {
	text := read(t, file)
	s, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range scenario.Ways() {
		got, err := s.Play(way)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		changed := difference(text, s.Rewrite(got))
		if changed == "" {
			continue
		}
		if *update && way == scenario.Plainly {
			if err := os.WriteFile(file, []byte(s.Rewrite(got)), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Logf("written:\n%s", changed)
			tell(t, file)
			return
		}
		t.Errorf("played %s (- as told, + as decided; go test ./test/scenario -update):\n%s", way, changed)
	}
}

// difference lists the lines that differ. Both texts have as many.
func difference(want, got string) string {
	var b strings.Builder
	told, decided := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range told {
		if strings.Join(strings.Fields(told[i]), " ") != strings.Join(strings.Fields(decided[i]), " ") {
			b.WriteString("- " + told[i] + "\n+ " + decided[i] + "\n")
		}
	}
	return b.String()
}
