package experiment_test

import (
	"os"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/experiment"
)

// The files that the manual shows are read, and come to what it says.
func TestTheReportOfTheManual(t *testing.T) {
	phases, err := experiment.ReadAll([]string{"../examples/experiment"})
	if err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	if err := experiment.Print(&report, phases); err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../docs/experiment.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(manual), report.String()) {
		t.Errorf("docs/experiment.md has not what the files come to:\n%s", report.String())
	}
}
