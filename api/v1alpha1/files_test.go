package v1alpha1_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
)

func document(name string) string {
	return "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: " + name + "}\n" +
		"spec:\n  target: {process: {command: [./web]}}\n  replicas: {max: 3}\n"
}

// write puts files, named and filled in turn, into a new directory.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDirectoriesAndStandardInput(t *testing.T) {
	dir := write(t, "b.yml", document("b"), "a.yaml", document("a")+"---\n"+document("a2"), "notes.txt", "no document")
	l := loader(nil)
	l.Stdin = strings.NewReader("\n" + document("c"))
	docs, err := l.Load([]string{dir, "-"})
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		Name, File string
		Line       int
	}
	var got []place
	for _, d := range docs {
		got = append(got, place{d.Metadata.Name, filepath.Base(d.File), d.Line})
	}
	want := []place{{"a", "a.yaml", 1}, {"a2", "a.yaml", 8}, {"b", "b.yml", 1}, {"c", "-", 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryFileIsReadBeforeGivingUp(t *testing.T) {
	dir := write(t, "good.yaml", document("good"), "bad.yaml", "kind: Autoscaler\n", "large.yaml", strings.Repeat("#", 2<<20))
	empty := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	_, err := loader(nil).Load([]string{path("none.yaml"), path("bad.yaml"), path("good.yaml"), path("large.yaml"), path("good.yaml"), empty})
	want := []string{
		"bad.yaml:1: apiVersion: is required but missing; must be flyball.io/v1alpha1",
		"good.yaml:3: metadata.name: \"good\" is already the name of the document at " + path("good.yaml") + ":1",
		"large.yaml: is larger than 1048576 bytes",
		"none.yaml: stat: no such file or directory",
	}
	for i := range want {
		want[i] = path(want[i])
	}
	want = append(want, empty+": there is no .yaml or .yml file in this directory")
	if err == nil {
		t.Fatal("got no error")
	}
	got := strings.Split(err.Error(), "\n")
	if diff := cmp.Diff(want, got, cmp.Transformer("sorted", func(s []string) map[string]bool {
		m := map[string]bool{}
		for _, line := range s {
			m[line] = true
		}
		return m
	})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Who has read a directory before takes an empty one for what it is. One that
// is not there is a fault.
func TestADirectoryWhoseLastDocumentWasRemoved(t *testing.T) {
	l := loader(nil)
	l.MayBeEmpty = true
	empty := t.TempDir()
	if docs, err := l.Load([]string{empty}); err != nil || len(docs) > 0 {
		t.Errorf("got %d documents, %v", len(docs), err)
	}
	if _, err := l.Load([]string{filepath.Join(empty, "gone")}); err == nil {
		t.Error("a folder that is not there is taken for an empty one")
	}
}

// A policy can refuse when it is built, long after the document was read.
func TestLaterErrorsStillKnowTheirLine(t *testing.T) {
	dir := write(t, "web.yaml", document("web"))
	docs, err := loader(nil).Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	late := docs[0].Faults("spec.target.process", errors.New("command[0]: there is no ./web"))
	want := filepath.Join(dir, "web.yaml") + ":5: spec.target.process.command[0]: there is no ./web"
	if late == nil || late.Error() != want {
		t.Errorf("got %v, want %s", late, want)
	}
	if again := docs[0].Faults("spec", nil); again != nil {
		t.Errorf("no error: got %v", again)
	}
	made := v1alpha1.Document{Autoscaler: v1alpha1.Autoscaler{Metadata: v1alpha1.Metadata{Name: "demo"}}}
	if err := made.Faults("spec.policy", errors.New("no")); err.Error() != "demo: spec.policy: no" {
		t.Errorf("a document made in Go: got %v", err)
	}
}
