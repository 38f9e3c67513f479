package series_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/series"
)

func cores() series.Buckets { return series.NewBuckets(0.01, 1000, 0.05) }

func TestBucketsGrowByTheSameShare(t *testing.T) {
	b := cores()
	for n, want := range map[int]float64{0: 0, 1: 0.01, 2: 0.0205, 3: 0.031525} {
		if got := b.Start(n); math.Abs(got-want) > 1e-12 {
			t.Errorf("bucket %d begins at %v, want %v", n, got, want)
		}
	}
	for _, v := range []float64{0, 0.005, 0.01, 0.0204, 0.0206, 1, 99.9, 1e4, math.Inf(1), math.NaN(), -1} {
		n := b.Of(v)
		if v > 0 && v < 1000 && (v < b.Start(n) || v >= b.End(n)) {
			t.Errorf("%v is put into bucket %d, %v to %v", v, n, b.Start(n), b.End(n))
		}
		if last := b.Of(1e300); n < 0 || n > last || (math.IsInf(v, 1) && n != last) {
			t.Errorf("%v is put into bucket %d of 0 to %d", v, n, last)
		}
	}
}

// A half-life of nine values weighs as much as one day of eighteen.
func TestWhatIsOldWeighsLess(t *testing.T) {
	d := series.NewDecaying(cores(), 24*time.Hour)
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for range 18 {
		d.Add(1, 1, monday)
	}
	for range 10 {
		d.Add(3, 1, monday.Add(24*time.Hour))
	}
	if got := d.Quantile(0.5); got < 3 || got > 3.15 {
		t.Errorf("the median of 18 old ones and 10 new 3s: %v, want 3", got)
	}
	for range 4 {
		d.Subtract(3, 1, monday.Add(24*time.Hour))
	}
	if got := d.Quantile(0.5); got < 1 || got > 1.05 {
		t.Errorf("the median of 18 old ones and 6 new 3s: %v, want 1", got)
	}
}

// Years go by without numbers that overflow.
func TestWeightsStayFinite(t *testing.T) {
	d := series.NewDecaying(cores(), 24*time.Hour)
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for range 3000 {
		d.Add(2, 1, at)
		at = at.Add(24 * time.Hour)
		if q := d.Quantile(0.9); !(q >= 2 && q <= 2.1) {
			t.Fatalf("%v: the p90 of twos is %v", at, q)
		}
	}
	d.Add(500, 1, at.Add(3000*24*time.Hour))
	if q := d.Quantile(0.01); !(q >= 500) {
		t.Errorf("after years: %v, want the newest alone", q)
	}
}

func TestDecayingIsKeptExactly(t *testing.T) {
	d := series.NewDecaying(cores(), time.Hour)
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for i := range 500 {
		d.Add(float64(i%37)/7, 0.1, at.Add(time.Duration(i)*11*time.Minute))
	}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again := series.NewDecaying(cores(), time.Hour)
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(again); err != nil || string(text) != string(data) {
		t.Errorf("written, read and written: %s, %v\nwant %s", text, err, data)
	}
	for _, bad := range []string{`{"low":-1}`, `{"high":999}`, `{"weights":[{"n":-1,"w":1}]}`, `{"weights":[{"n":1,"w":-1}]}`, `{"total":-1}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), again); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if text, _ := json.Marshal(again); string(text) != string(data) {
		t.Errorf("what does not fit changed it to %s", text)
	}
	c := again.Clone()
	c.Add(900, 1e6, at)
	if text, _ := json.Marshal(again); string(text) != string(data) {
		t.Errorf("a clone shares memory with what it was made of: %s", text)
	}
}

func TestDecayingOfNothing(t *testing.T) {
	d := series.NewDecaying(cores(), time.Hour)
	if _, ok := d.Bucket(0.5); ok || !d.Empty() || d.Quantile(0.9) != 0 {
		t.Errorf("empty: %v, %v", d.Empty(), d.Quantile(0.9))
	}
}
