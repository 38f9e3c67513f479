package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/test/scenario"
)

var update = flag.Bool("update", false, "write what is decided into the .scenario files")

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".scenario"), func(t *testing.T) { tell(t, file) })
	}
}

func tell(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range scenario.Ways() {
		got, err := s.Play(way)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		changed := difference(string(text), s.Rewrite(got))
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
