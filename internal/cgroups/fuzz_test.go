package cgroups

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a file holds: no panic, and what is believed is a finite count.
func FuzzParsers(f *testing.F) {
	for _, pattern := range []string{"testdata/*/cgroup/*/*/*/*", "testdata/*/cgroup/*/*/*", "testdata/*/proc/*", "testdata/*/proc/*/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			if raw, err := os.ReadFile(file); err == nil {
				f.Add(raw)
			}
		}
	}
	for _, text := range []string{"-1", "max", "9223372036854775808", "8:0 Read -1", "8:0 rbytes=18446744073709551616", "0-", "3-1", "0-99999999", "MemTotal: 1e9 kB"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, errNumber := parseNumber(raw)
		field, errField := parseField(raw, "usage_usec")
		for _, v := range []float64{n, field, parseCores(raw), parseTotalMemory(raw)} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%q became %v", raw, v)
			}
		}
		if parseCores(raw) < 0 || parseTotalMemory(raw) < 0 || (errNumber != nil && n != 0) || (errField != nil && field != 0) {
			t.Errorf("%q became a count that is none", raw)
		}
		if t1, err := parseServiceBytes(raw); err != nil && t1 != nil {
			t.Errorf("%q has both traffic and a fault", raw)
		}
		if t2, err := parseIOStat(raw); err != nil && t2 != nil {
			t.Errorf("%q has both traffic and a fault", raw)
		}
		if t3, err := parseNetwork(raw); err != nil && t3 != (Traffic{}) {
			t.Errorf("%q has both traffic and a fault", raw)
		}
		if cpus, err := ParseCPUs(raw); cpus < 0 || (err == nil && cpus == 0) {
			t.Errorf("%q is %d CPUs", raw, cpus)
		}
		if id := parseMembership(raw); id != "" && !strings.Contains(string(raw), id) {
			t.Errorf("%q is of %q", raw, id)
		}
	})
}
