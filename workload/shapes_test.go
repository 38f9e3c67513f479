package workload_test

import (
	"math"
	"testing"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// allShapes holds one of every kind, and every combinator.
func allShapes(t *testing.T) map[string]workload.Shape {
	t.Helper()
	shapes := map[string]workload.Shape{
		"ramp without hold": workload.Ramp{From: 5, To: 50, Over: time.Minute},
		"ramp at once":      workload.Ramp{To: 50, Hold: time.Minute},
		"ramp down":         workload.Ramp{From: 50, To: 5, Over: time.Minute, Hold: time.Minute},
		"step":              workload.Step(10, 40, time.Minute, 2*time.Minute),
		"crowd at once":     workload.FlashCrowd{Base: 5, Peak: 50, At: time.Minute, Hold: time.Minute, For: 5 * time.Minute},
		"endless crowd":     workload.FlashCrowd{Base: 5, Peak: 50, At: time.Minute, Rise: time.Second, Decay: time.Minute},
		"endless diurnal":   workload.Diurnal{Base: 1, Peak: 9, Period: time.Minute},
		"fixed on-off":      workload.OnOff{High: 20, HighFor: 7 * time.Second, LowFor: 13 * time.Second}.Shape(),
		"endless weekly":    workload.Weekly{Base: 5, Weekday: 50, Weekend: 20, Day: 10 * time.Second},
		"endless MMPP":      workload.MMPP{States: []workload.State{{RPS: 5, Stay: 20 * time.Second}, {RPS: 50, Stay: 5 * time.Second}}}.Shape(),
	}
	for _, name := range workload.Names() {
		shape, err := workload.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		shapes[name] = shape
	}
	demo := workload.DiurnalFlash()
	shapes["scaled"] = workload.Scale(demo, 2.5)
	shapes["fast"] = workload.Speed(demo, 20)
	shapes["clipped"] = workload.Clip(demo, 20*time.Minute, 50*time.Minute)
	shapes["clipped to the end"] = workload.Clip(demo, 20*time.Minute, 0)
	shapes["repeated"] = workload.Repeat(workload.Clip(demo, 40*time.Minute, 45*time.Minute))
	shapes["sum of unequal lengths"] = workload.Sum(workload.Constant{RPS: 3, For: time.Minute}, workload.Ramp{To: 9, Over: 2 * time.Minute})
	return shapes
}

// The rate is what Expected is the integral of; both are what the contract
// says before 0 and after the end.
func TestEveryShapeKeepsTheContract(t *testing.T) {
	for name, shape := range allShapes(t) {
		t.Run(name, func(t *testing.T) { checkShape(t, shape) })
	}
}

func checkShape(t *testing.T, shape workload.Shape) {
	t.Helper()
	length := shape.Duration()
	if length == 0 {
		length = 10 * time.Minute
	}
	const slots = 4_000
	sum, peak := 0.0, 0.0
	for i := range slots {
		from := length * time.Duration(i) / slots
		to := length * time.Duration(i+1) / slots
		rate := shape.Rate(from + (to-from)/2)
		if rate < 0 || math.IsNaN(rate) {
			t.Fatalf("rate at %v: got %v, want 0 or more", from, rate)
		}
		sum += rate * (to - from).Seconds()
		peak = max(peak, rate)
		if shape.Expected(to) < shape.Expected(from) {
			t.Fatalf("expected count falls between %v and %v", from, to)
		}
		// A jump inside a slot puts the sum off by at most one slot's worth each.
		slack := 1e-3*sum + 40*peak*length.Seconds()/slots
		if got := shape.Expected(to); math.Abs(got-sum) > slack {
			t.Fatalf("expected before %v: got %v, the integral of the rate is %v", to, got, sum)
		}
	}
	if got := shape.Rate(-1); got != 0 {
		t.Errorf("rate before 0: got %v, want 0", got)
	}
	if got := shape.Expected(-time.Second); got != 0 {
		t.Errorf("expected before 0: got %v, want 0", got)
	}
	if end := shape.Duration(); end > 0 {
		if got := shape.Rate(end); got != 0 {
			t.Errorf("rate at the end: got %v, want 0", got)
		}
		if got, want := shape.Expected(end+time.Hour), shape.Expected(end); got != want {
			t.Errorf("expected after the end: got %v, want %v as at the end", got, want)
		}
	}
}

func TestRatesAtChosenInstants(t *testing.T) {
	crowd := workload.FlashCrowd{
		Base: 10, Peak: 110, At: 10 * time.Second, Rise: 4 * time.Second, Hold: 6 * time.Second, Decay: 5 * time.Second,
		For: time.Minute,
	}
	tests := []struct {
		name  string
		shape workload.Shape
		at    time.Duration
		want  float64
	}{
		{"ramp halfway up its slope", workload.Ramp{From: 10, To: 30, Over: 10 * time.Second, Hold: time.Second}, 5 * time.Second, 20},
		{"ramp holds", workload.Ramp{From: 10, To: 30, Over: 10 * time.Second, Hold: time.Second}, 10500 * time.Millisecond, 30},
		{"step before", workload.Step(10, 40, time.Minute, time.Minute), 59 * time.Second, 10},
		{"step after", workload.Step(10, 40, time.Minute, time.Minute), time.Minute, 40},
		{"diurnal begins in the trough", workload.Diurnal{Base: 10, Peak: 50, Period: time.Hour}, 0, 10},
		{"diurnal peaks halfway", workload.Diurnal{Base: 10, Peak: 50, Period: time.Hour}, 30 * time.Minute, 50},
		{"weekly begins at night", workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: 24 * time.Hour}, 0, 10},
		{"weekly: Monday noon", workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: 24 * time.Hour}, 12 * time.Hour, 50},
		{"weekly: Friday noon", workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: 24 * time.Hour}, 108 * time.Hour, 50},
		{"weekly: Saturday noon", workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: 24 * time.Hour}, 132 * time.Hour, 20},
		{"weekly: Sunday noon", workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: 24 * time.Hour}, 156 * time.Hour, 20},
		{"weekly: Monday again", workload.Weekly{Base: 10, Weekday: 50, Weekend: 20, Day: 24 * time.Hour}, 180 * time.Hour, 50},
		{"crowd not yet there", crowd, 9 * time.Second, 10},
		{"crowd half arrived", crowd, 12 * time.Second, 60},
		{"crowd there", crowd, 17 * time.Second, 110},
		{"crowd thinned to 1/e", crowd, 25 * time.Second, 10 + 100/math.E},
		{"on-off is low after its high phase", workload.OnOff{High: 9, Low: 1, HighFor: time.Second, LowFor: time.Second}.Shape(), 1500 * time.Millisecond, 1},
		{"on-off comes back", workload.OnOff{High: 9, Low: 1, HighFor: time.Second, LowFor: time.Second}.Shape(), 2500 * time.Millisecond, 9},
		{"speed keeps the rate", workload.Speed(crowd, 10), 1700 * time.Millisecond, 110},
		{"scale multiplies", workload.Scale(crowd, 3), 17 * time.Second, 330},
		{"clip moves the start", workload.Clip(crowd, 10*time.Second, 0), 2 * time.Second, 60},
		{"repeat starts over", workload.Repeat(crowd), time.Minute + 12*time.Second, 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.shape.Rate(tt.at); math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("rate at %v: got %v, want %v", tt.at, got, tt.want)
			}
		})
	}
}

func TestNamedShapesTakeAnHourAndReachAHundred(t *testing.T) {
	for _, name := range workload.Names() {
		shape, err := workload.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := shape.Duration(); got != time.Hour {
			t.Errorf("%s lasts %v, want an hour", name, got)
		}
		if got := workload.Peak(shape); got < 95 || got > 105 {
			t.Errorf("%s peaks at %v requests/s, want about 100", name, got)
		}
		if workload.About(name) == "" {
			t.Errorf("%s is not described", name)
		}
	}
	if workload.About("tsunami") != "" {
		t.Error("an unknown shape is described")
	}
}
