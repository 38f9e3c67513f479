package workload_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/workload"
)

func TestWhatIsWrittenIsReadTheSame(t *testing.T) {
	for _, file := range []string{"nab_elb_request_count_8c0756_5min.csv", "azure_llm_2023_code_1s.csv", "servegen_mm-image_10min.csv"} {
		recorded, err := workload.OpenTrace(testenv.Trace(t, file))
		if err != nil {
			t.Fatal(err)
		}
		out := &bytes.Buffer{}
		w := workload.NewWriter(out)
		for _, b := range recorded.Bins() {
			if err := w.Row(b.At, b.RPS); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		again, err := workload.Read("again", out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(recorded.Bins(), again.(*workload.Trace).Bins()); diff != "" {
			t.Errorf("%s (-recorded +written and read):\n%s", file, diff)
		}
	}
}

func TestWriterRefusesWhatReadWould(t *testing.T) {
	for says, rows := range map[string][]workload.Bin{
		"the first row is at 1s: must be at 0": {{At: time.Second}},
		"must rise":                            {{At: 0}, {At: time.Second}, {At: time.Second}},
		"rate -1 at 0s":                        {{RPS: -1}},
		"rate NaN at 0s":                       {{RPS: math.NaN()}},
		"rate +Inf at 0s":                      {{RPS: math.Inf(1)}},
		"1 rows: must be at least 2":           {{RPS: 1}},
		"0 rows: must be at least 2":           {},
	} {
		w := workload.NewWriter(&bytes.Buffer{})
		var err error
		for _, b := range rows {
			if err == nil {
				err = w.Row(b.At, b.RPS)
			}
		}
		if err == nil {
			err = w.Flush()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want it to say %q", rows, err, says)
		}
	}
}

func TestFromRowsInfersBinsAsRead(t *testing.T) {
	const s = time.Second
	got, err := workload.FromRows("x", []time.Duration{90 * s, 100 * s, 110 * s, 150 * s}, []float64{1, 2, 3, 4}, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := readTrace(t, "0,1\n10,2\n20,3\n60,4\n")
	if diff := cmp.Diff(want.Bins(), got.Bins()); diff != "" || got.Duration() != want.Duration() {
		t.Errorf("-want +got:\n%s", diff)
	}
	wide, err := workload.FromRows("x", []time.Duration{0, 10 * s, 30 * s, 50 * s}, []float64{1, 2, 3, 4}, 10*s)
	if gaps := []workload.Span{{From: 20 * s, To: 30 * s}, {From: 40 * s, To: 50 * s}}; err != nil || !cmp.Equal(wide.Gaps(), gaps) || wide.Duration() != 60*s {
		t.Errorf("with a step of its own: got %v, %v; want gaps %v in 60s", wide, err, gaps)
	}
	for says, starts := range map[string][]time.Duration{"must be at least 2": {0}, "a row at 0s after one at 1s": {0, s, 0}, "4 rows with 3 rates": {0, s, 2 * s, 3 * s}} {
		if _, err := workload.FromRows("x", starts, make([]float64, min(3, len(starts))), 0); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want it to say %q", starts, err, says)
		}
	}
	if _, err := workload.FromRows("x", []time.Duration{0, s}, []float64{1, -1}, 0); err == nil || !strings.Contains(err.Error(), "rate -1") {
		t.Errorf("a negative rate: got %v, want an error", err)
	}
}
