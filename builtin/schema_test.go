package builtin_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
)

func TestCheckedInSchemaIsTheGeneratedOne(t *testing.T) {
	const file = "../api/v1alpha1/autoscaler.schema.json"
	generated, err := v1alpha1.Schema(builtin.New())
	if err != nil {
		t.Fatal(err)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, generated, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkedIn, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(checkedIn), string(generated)); diff != "" {
		t.Errorf("%s is out of date; run go generate ./builtin (-checked in +generated):\n%s", file, diff)
	}
}
