package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/cli"
)

// validate runs the command as the program does and returns both outputs and
// the exit status.
func validate(t *testing.T, input string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errOut bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"validate"}, args...))
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	if err := root.Execute(); err != nil {
		status = report(&errOut, err)
	}
	return out.String(), errOut.String(), status
}

// documentNamed takes requests at a port of its own.
func documentNamed(name string) string {
	return "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: " + name + "}\n" +
		fmt.Sprintf("spec:\n  target: {process: {command: [./web], port: %d}}\n  replicas: {max: 3}\n", 8000+int(name[0]))
}

func documentFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestValidateCountsTheDocumentsOfEachFile(t *testing.T) {
	two := documentFile(t, "two.yaml", documentNamed("a")+"---\n"+documentNamed("b"))
	out, errOut, status := validate(t, documentNamed("c"), "-f", two, "-f", "-")
	if want := two + ": ok (2 autoscalers)\n-: ok (1 autoscaler)\n"; out != want || errOut != "" || status != 0 {
		t.Errorf("got %d\n%s%swant 0\n%s", status, out, errOut, want)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	one := documentFile(t, "one.yaml", strings.Replace(documentNamed("a"), "max: 3", "mx: 3", 1))
	two := documentFile(t, "two.yaml", strings.Replace(documentNamed("b"), "[./web]", "./web", 1))
	out, errOut, status := validate(t, "", "-f", two, "-f", one)
	lines := []string{
		one + ":6: spec.replicas.max: is required but missing",
		one + ":6: spec.replicas.mx: unknown field; allowed: max, min (did you mean max?)",
		two + `:5: spec.target.process.command: must be a list, got "./web"`,
	}
	if one > two {
		lines = append(lines[2:], lines[:2]...)
	}
	if diff := cmp.Diff(strings.Join(lines, "\n")+"\n", errOut); diff != "" || out != "" || status != 2 {
		t.Errorf("status %d, want 2; stdout %q, want none; stderr -want +got:\n%s", status, out, diff)
	}
}

func TestValidateAsJSON(t *testing.T) {
	type result struct {
		Valid bool
		Files []struct {
			File        string
			Autoscalers []string
		}
		Faults []struct {
			File, Path, Message string
			Line, Column        int
		}
	}
	var good, bad result
	out, _, status := validate(t, documentNamed("a"), "-f", "-", "--json")
	if err := json.Unmarshal([]byte(out), &good); err != nil || status != 0 {
		t.Fatalf("%v, status %d: %s", err, status, out)
	}
	if !good.Valid || len(good.Files) != 1 || good.Files[0].Autoscalers[0] != "a" || good.Faults == nil {
		t.Errorf("got %+v", good)
	}
	out, _, status = validate(t, documentNamed("A"), "-f", "-", "--json")
	if err := json.Unmarshal([]byte(out), &bad); err != nil || status != 2 {
		t.Fatalf("%v, status %d: %s", err, status, out)
	}
	if bad.Valid || len(bad.Faults) != 1 || bad.Faults[0].Path != "metadata.name" || bad.Faults[0].Line != 3 || bad.Faults[0].Column != 12 || bad.Files == nil {
		t.Errorf("got %+v", bad)
	}
}

func TestValidatePrintsTheCheckedInSchema(t *testing.T) {
	want, err := os.ReadFile("../../api/v1alpha1/autoscaler.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if out, _, status := validate(t, "", "--schema"); status != 0 || out != string(want) {
		t.Errorf("status %d; -checked in +printed:\n%s", status, cmp.Diff(string(want), out))
	}
}

func TestValidateNeedsAFile(t *testing.T) {
	for _, args := range [][]string{{}, {"shop.yaml"}, {"-f"}, {"-f", "none.yaml"}, {"-f", "-", "--yaml"}} {
		out, errOut, status := validate(t, "", args...)
		if status != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%q: got status %d, %q and %q; want 2 and one line on stderr", args, status, out, errOut)
		}
	}
}

func TestReportTellsUsageFromFailure(t *testing.T) {
	for err, want := range map[error]int{
		errors.New("broken pipe"):                    1,
		cli.UsageError{Err: errors.New("no such f")}: 2,
	} {
		var out bytes.Buffer
		if got := report(&out, err); got != want || out.String() != "flyball: "+err.Error()+"\n" {
			t.Errorf("%v: got %d and %q, want %d", err, got, out.String(), want)
		}
	}
}

func TestExamplesAreValid(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range examples {
		if out, errOut, status := validate(t, "", "-f", file); status != 0 {
			t.Errorf("%s: status %d\n%s%s", file, status, out, errOut)
		}
	}
}
