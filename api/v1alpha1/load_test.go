package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
)

func loader(vars map[string]string) v1alpha1.Loader {
	return v1alpha1.Loader{
		Plugins: builtin.New(),
		Env:     func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Stdin:   strings.NewReader(""),
	}
}

func variables() map[string]string {
	return map[string]string{"NAME": "shop", "MAX": "12", "PROGRAM": "./web", "EMPTY": "",
		"INJECTED": "x]\n  replicas: {max: 99}\n# "}
}

// golden compares with a checked-in file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./api/v1alpha1 -update):\n%s", file, diff)
	}
}

func testdata(t *testing.T, pattern string) []string {
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/%s: %v %v", pattern, files, err)
	}
	return files
}

func TestGoodDocumentsLoadWithTheirDefaults(t *testing.T) {
	for _, file := range testdata(t, "*.good.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			docs, err := loader(variables()).Load([]string{file})
			if err != nil {
				t.Fatal(err)
			}
			all := make([]v1alpha1.Autoscaler, len(docs))
			for i := range docs {
				all[i] = docs[i].Autoscaler
			}
			raw, err := json.MarshalIndent(all, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", string(raw)+"\n")
		})
	}
}

func TestBadDocumentsSayEverythingThatIsWrong(t *testing.T) {
	for _, file := range testdata(t, "*.bad.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			docs, err := loader(variables()).Load([]string{file})
			var faults v1alpha1.Faults
			if !errors.As(err, &faults) || docs != nil {
				t.Fatalf("got %d documents and %v, want faults", len(docs), err)
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, file) {
					t.Errorf("fault %q does not start with the file: more than one line?", line)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", strings.ReplaceAll(err.Error(), file, filepath.Base(file))+"\n")
		})
	}
}
