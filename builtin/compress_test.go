package builtin_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/process"
)

type times struct {
	Plain   scale.Duration            `json:"plain"`
	Pointer *scale.Duration           `json:"pointer,omitempty"`
	Nil     *scale.Duration           `json:"nil,omitempty"`
	List    []scale.Duration          `json:"list"`
	Array   [1]scale.Duration         `json:"array"`
	Map     map[string]scale.Duration `json:"map"`
	Structs map[string]inner          `json:"structs"`
	Any     any                       `json:"any"`
	Value   any                       `json:"value"`
	Nested  *inner                    `json:"nested"`
	Embedded
	Zero  scale.Duration `json:"zero"`
	Count int            `json:"count"`
	Std   time.Duration  `json:"std"` // no time constant of a configuration
}

// Embedded has no name of its own in paths.
type Embedded struct {
	Inside scale.Duration `json:"inside"`
}

type inner struct {
	Wait scale.Duration `json:"wait"`
}

func TestCompressReachesEveryTimeConstant(t *testing.T) {
	second, shared := scale.Duration(time.Second), scale.Duration(4*time.Second)
	cfg := times{
		Plain: second, Pointer: &shared, List: []scale.Duration{2 * second, 3 * second}, Array: [1]scale.Duration{second},
		Map: map[string]scale.Duration{"b": second, "a": 2 * second}, Structs: map[string]inner{"x": {Wait: 5 * second}},
		Any: &inner{Wait: 6 * second}, Value: inner{Wait: 9 * second}, Nested: &inner{Wait: 7 * second}, Embedded: Embedded{8 * second}, Count: 1000, Std: time.Second,
	}
	var got []string
	for _, c := range builtin.Compress(&cfg, 1000) {
		got = append(got, c.String())
	}
	want := []string{
		"plain 1s -> 1ms", "pointer 4s -> 4ms", "list[0] 2s -> 2ms", "list[1] 3s -> 3ms", "array[0] 1s -> 1ms",
		"map[a] 2s -> 2ms", "map[b] 1s -> 1ms", "structs[x].wait 5s -> 5ms", "any.wait 6s -> 6ms", "value.wait 9s -> 9ms", "nested.wait 7s -> 7ms",
		"inside 8s -> 8ms",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	ms := scale.Duration(time.Millisecond)
	if cfg.Plain != ms || *cfg.Pointer != 4*ms || cfg.List[1] != 3*ms || cfg.Array[0] != ms || cfg.Map["a"] != 2*ms ||
		cfg.Structs["x"].Wait != 5*ms || cfg.Any.(*inner).Wait != 6*ms || cfg.Value.(inner).Wait != 9*ms || cfg.Nested.Wait != 7*ms {
		t.Errorf("the values were not divided: %+v", cfg)
	}
	if cfg.Count != 1000 || cfg.Std != time.Second {
		t.Errorf("what is no time constant was divided: %+v", cfg)
	}
}

func TestCompressRoundsToTheNearestNanosecond(t *testing.T) {
	for before, want := range map[scale.Duration]scale.Duration{10: 3, 11: 4, -10: -3, -11: -4, 1: 0} {
		cfg := inner{Wait: before}
		builtin.Compress(&cfg, 3)
		if cfg.Wait != want {
			t.Errorf("%d ns / 3: got %d, want %d", before, cfg.Wait, want)
		}
	}
	cfg := inner{Wait: 5}
	if changes := builtin.Compress(&cfg, 1); changes != nil || cfg.Wait != 5 {
		t.Errorf("by 1: got %v and %v, want no change", changes, cfg)
	}
}

// What a document decodes to can be compressed without naming its type.
func TestCompressTakesWhatDecodeReturns(t *testing.T) {
	cfg, err := builtin.New().Targets.Decode(scale.Plugin{Kind: "process", Body: []byte(`{"command":["./web"],"startTimeout":"30s"}`)})
	if err != nil {
		t.Fatal(err)
	}
	changes := builtin.Compress(cfg, 10)
	if got := cfg.(*process.Config).StartTimeout; got != scale.Duration(3*time.Second) {
		t.Errorf("startTimeout: got %v, want 3s; changes %v", got, changes)
	}
	if process.Default().StartTimeout == scale.Duration(3*time.Second) {
		t.Error("the defaults were changed too")
	}
}

func TestCompressRefusesWhatCannotBeDivided(t *testing.T) {
	for name, call := range map[string]func(){
		"a value":       func() { builtin.Compress(inner{}, 2) },
		"nil":           func() { builtin.Compress((*inner)(nil), 2) },
		"a factor of 0": func() { builtin.Compress(&inner{}, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: want a panic: it is a programmer's mistake", name)
				}
			}()
			call()
		}()
	}
}
