package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
)

// A document that is accepted is accepted again, and means the same, when it
// is written out with its defaults. One that is not says why on lines that
// start with the file.
func FuzzLoad(f *testing.F) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, entry := range files {
		if strings.HasSuffix(entry.Name(), ".yaml") {
			data, err := os.ReadFile("testdata/" + entry.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data))
		}
	}
	prepared, err := v1alpha1.Prepare(builtin.New())
	if err != nil {
		f.Fatal(err)
	}
	load := func(t *testing.T, text string) ([]v1alpha1.Document, error) {
		l := loader(variables())
		l.Stdin = strings.NewReader(text)
		docs, err := prepared(l, []string{"-"})
		var faults v1alpha1.Faults
		if err != nil && (!errors.As(err, &faults) || len(faults) == 0) {
			t.Fatalf("got %v (%T), want faults", err, err)
		}
		for _, fault := range faults {
			if line := fault.String(); strings.Contains(line, "\n") || !strings.HasPrefix(line, "-") {
				t.Errorf("fault is not one line about the file: %q", line)
			}
		}
		return docs, err
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := load(t, text)
		if err != nil {
			return
		}
		for _, d := range docs {
			raw, err := json.Marshal(d.Autoscaler)
			if err != nil {
				t.Fatalf("write: %v", err)
			}
			again, err := load(t, strings.ReplaceAll(string(raw), "$", "$$"))
			if err != nil {
				t.Fatalf("%s\nis refused when read again:\n%v", raw, err)
			}
			if raw2, err := json.Marshal(again[0].Autoscaler); err != nil || string(raw) != string(raw2) {
				t.Errorf("%v\nmeans something else when read again (-was +is):\n%s", err, cmp.Diff(string(raw), string(raw2)))
			}
		}
	})
}
