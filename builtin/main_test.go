package builtin_test

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the generated JSON Schema into the repository")
	os.Exit(m.Run())
}
