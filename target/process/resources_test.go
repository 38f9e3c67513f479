package process

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMemoryIsReadAsKubernetesWritesIt(t *testing.T) {
	for text, want := range map[string]float64{
		"1": 1, "1024": 1024, "512Mi": 512 << 20, "1.5Gi": 1.5 * (1 << 30), "2k": 2000, "64Ki": 65536, "3M": 3e6, "1G": 1e9, "1T": 1e12, "1Ti": 1 << 40, "1e3": 1000,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "Mi", "512MB", "512 Mi", "512mi", "512K", "1iM", "-1Mi", "0", "0.5", "NaN", "Inf", "1001T", "1MiMi"} {
		if got, err := parseBytes(text); err == nil || !strings.Contains(err.Error(), "for example 512Mi") {
			t.Errorf("%q: got %v, %v; want an error that shows what is allowed", text, got, err)
		}
	}
}

func TestRequestsAreThousandths(t *testing.T) {
	for _, test := range []struct {
		resources Resources
		want      map[string]int64
	}{
		{Resources{CPU: 1}, map[string]int64{"cpu": 1000}},
		{Resources{CPU: 0.25, Memory: "1Mi"}, map[string]int64{"cpu": 250, "memory": 1048576000}},
		{Resources{CPU: maxCores, Memory: "1000T"}, map[string]int64{"cpu": 1e9, "memory": 1e18}},
	} {
		if err := test.resources.validate(); err != nil {
			t.Errorf("%+v: %v", test.resources, err)
		}
		if diff := cmp.Diff(test.want, test.resources.requests()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.resources, diff)
		}
	}
}

func TestResourcesThatNoReplicaCanHaveAreRefused(t *testing.T) {
	for _, cpu := range []float64{0, -1, 0.0001, 1e7, math.NaN(), math.Inf(1)} {
		if err := (Resources{CPU: cpu}).validate(); err == nil || !strings.Contains(err.Error(), "resources.cpu: must be 0.001 to 1000000 cores") {
			t.Errorf("cpu %v: %v", cpu, err)
		}
	}
	if err := (Resources{CPU: 1, Memory: "lots"}).validate(); err == nil || !strings.Contains(err.Error(), "resources.memory: must be") {
		t.Errorf("memory: %v", err)
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, text := range []string{"512Mi", "1.5G", "0x10", "1_000", "1e400", "i"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseBytes(text)
		if err != nil {
			return
		}
		r := Resources{CPU: 1, Memory: text}
		if !(got >= minBytes && got <= maxBytes) || r.requests()["memory"] <= 0 {
			t.Errorf("%q: %v bytes, requests %v", text, got, r.requests())
		}
	})
}
