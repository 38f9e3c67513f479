package v1alpha1_test

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write what the loader says into testdata/*.golden")
	os.Exit(m.Run())
}
