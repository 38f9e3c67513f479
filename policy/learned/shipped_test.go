package learned_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/policy/learned"
)

// Whatever ships can be used as it is, and makes no program large.
func TestModelsThatShip(t *testing.T) {
	if !slices.Contains(learned.Shipped(), learned.DefaultModel) || learned.Default().Validate() != nil {
		t.Fatalf("%v ship, %s is the default: %v", learned.Shipped(), learned.DefaultModel, learned.Default().Validate())
	}
	for _, name := range learned.Shipped() {
		data, err := learned.Find(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := learned.Read(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(data) > 300_000 || m.Origin.Base != "predictive" || len(m.Origin.Config) == 0 {
			t.Errorf("%s: %d bytes, trained on top of %q with %q", name, len(data), m.Origin.Base, m.Origin.Config)
		}
	}
}

// A name is a model of the program first, a file else; where there is neither, both
// are said.
func TestWhatAModelsNameMeans(t *testing.T) {
	file := func(name string) ([]byte, error) {
		if name != "web.flyball" {
			return nil, &os.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte("a file"), nil
	}
	if data, err := learned.Find("web.flyball", file); err != nil || string(data) != "a file" {
		t.Errorf("got %q, %v; want the file", data, err)
	}
	hidden := func(string) ([]byte, error) { return []byte("a file"), nil }
	if data, err := learned.Find(learned.DefaultModel, hidden); err != nil || string(data) == "a file" {
		t.Errorf("got %q, %v; want the model that ships", data, err)
	}
	_, err := learned.Find("genral", file)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "the models in the program are: ") || !strings.Contains(err.Error(), learned.DefaultModel) {
		t.Errorf("got %v, want that there is no such file, and the models there are", err)
	}
}
