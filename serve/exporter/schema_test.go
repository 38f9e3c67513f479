package exporter_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/serve/exporter"
)

var update = flag.Bool("update", false, "write the schema anew")

func TestCheckedInSchemaIsTheGeneratedOne(t *testing.T) {
	const file = "config.schema.json"
	generated, err := exporter.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, generated, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkedIn, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(checkedIn), string(generated)); diff != "" {
		t.Errorf("%s is out of date; run go generate ./serve/exporter (-checked in +generated):\n%s", file, diff)
	}
}
