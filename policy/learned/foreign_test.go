package learned_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/neural/onnx/onnxtest"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
)

// says is what a model's ONNX file states of itself.
func says(t testing.TB, m *learned.Model) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"schema": learned.Schema, "actions": m.Actions, "features": m.Features, "origin": m.Origin})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// foreign is a model as an ONNX file that says this of itself.
func foreign(m *learned.Model, text string) []byte {
	return onnxtest.File(m.Net, map[string]string{"made by": "somebody", learned.Property: text})
}

func shippedModel(t testing.TB) *learned.Model {
	t.Helper()
	data, err := learned.Find(learned.DefaultModel, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := learned.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The model that ships, written as ONNX, is the same model: written as a file of
// ours it is the same bytes.
func TestAnONNXFileIsAModel(t *testing.T) {
	m := shippedModel(t)
	got, err := learned.Read(foreign(m, says(t, m)))
	if err != nil {
		t.Fatal(err)
	}
	if string(file(t, got)) != string(file(t, m)) {
		t.Errorf("another model: %v of %+v", got.Actions, got.Origin)
	}
}

// Both files decide alike, word by word, in calm, in a burst, where the model was
// never trained, and after it.
func TestAnONNXFileDecidesAsOursDoes(t *testing.T) {
	m := shippedModel(t)
	ours, theirs := read(t, file(t, m)), read(t, foreign(m, says(t, m)))
	codes := map[string]int{}
	for i := range 240 {
		obs := serves(time.Duration(i)*sync, 400+300*math.Sin(float64(i)/9), 10)
		if i%40 > 34 { // a burst, in which requests are late
			obs = serves(time.Duration(i)*sync, 900, 10)
			set(obs, scale.ViolationRatio, 1)
			set(obs, scale.Utilization, 8)
			set(obs, scale.Concurrency, 320)
		}
		if i%60 == 20 {
			set(obs, scale.Latency, math.NaN())
		}
		want, wantErr := ours.Recommend(obs)
		got, gotErr := theirs.Recommend(obs)
		if (wantErr == nil) != (gotErr == nil) || got.Replicas != want.Replicas || got.Reason.String() != want.Reason.String() {
			t.Fatalf("decision %d: got %d (%s), %v; want %d (%s), %v", i, got.Replicas, got.Reason, gotErr, want.Replicas, want.Reason, wantErr)
		}
		if diff := cmp.Diff(words(want.Proposals), words(got.Proposals)); diff != "" {
			t.Fatalf("decision %d (-ours +theirs):\n%s", i, diff)
		}
		if n := len(want.Proposals); n > 0 {
			codes[want.Proposals[n-1].Reason.Code]++
		}
	}
	if codes["Learned"] == 0 || codes["AsBase"] == 0 || codes["OutOfDistribution"] == 0 {
		t.Errorf("the story shows too little: %v", codes)
	}
}

// read is a policy on top of predictive by a model's file.
func read(t *testing.T, data []byte) *learned.Policy {
	t.Helper()
	cfg := learned.Default()
	cfg.Model = "policy.onnx"
	p, err := learned.New(cfg, environment(t), bases, func(string) ([]byte, error) { return data, nil })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func set(obs scale.Observation, name string, value float64) {
	for i := range obs.Signals {
		if obs.Signals[i].Name == name {
			obs.Signals[i].Points[0].Value = value
		}
	}
}

func words(proposals []scale.Proposal) (all []string) {
	for _, p := range proposals {
		all = append(all, p.Signal+": "+p.Reason.String())
	}
	return all
}

func TestONNXFilesThatAreRefused(t *testing.T) {
	m := model(t, 3)
	good := says(t, m)
	with := func(old, text string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("it does not say %s: %s", old, good)
		}
		return foreign(m, strings.Replace(good, old, text, 1))
	}
	net := func(inputs int, layers ...neural.Layer) []byte {
		n, err := neural.New(inputs, layers...)
		if err != nil {
			t.Fatal(err)
		}
		return onnxtest.File(n, map[string]string{learned.Property: good})
	}
	whole := foreign(m, good)
	spoiled := model(t, 3)
	spoiled.Net.Parameters()[5] = float32(math.Inf(1))
	for name, tc := range map[string]struct {
		data []byte
		says string
	}{
		"says nothing":         {onnxtest.File(m.Net, nil), `without the property "flyball", which must state schema, actions, features and origin (examples/gym/train_sb3.py`},
		"says no JSON":         {foreign(m, "ppo"), `property "flyball": invalid character 'p'`},
		"says NaN":             {with(`"mean":[0`, `"mean":[NaN`), `property "flyball": invalid character 'N'`},
		"beyond a float":       {with(`"mean":[0`, `"mean":[1e99`), `property "flyball": json: cannot unmarshal number 1e99`},
		"says more":            {with(`"schema":1`, `"schema":1,"layers":[]`), `property "flyball": json: unknown field "layers"`},
		"says it twice":        {foreign(m, good+good), `property "flyball": more than one JSON object`},
		"says too much":        {foreign(m, good+strings.Repeat(" ", 64<<10)), "at most 65536 are read"},
		"another schema":       {with(`"schema":1`, `"schema":2`), "schema 2, these are of schema 1: train it anew"},
		"no schema":            {with(`"schema":1`, `"schema":null`), "schema 0, these are of schema 1"},
		"no statistics":        {foreign(m, `{"schema":1,"actions":[0.7,0.8,0.9,1,1.1,1.25,1.5,2],"origin":{}}`), "features: 0 numbers, want 68"},
		"fewer statistics":     {with(`"std":[1,`, `"std":[`), "features: 67 numbers, want 68"},
		"statistics reversed":  {with(`"least":[-2`, `"least":[3`), "features: load-7 is from 3 to 2"},
		"no action of base":    {with(`,1,`, `,1.01,`), "must hold the factor 1"},
		"fewer actions":        {with(`0.7,0.8,`, ``), "leads from 68 numbers to 8, want from an observation of 68 to 6 actions"},
		"another observation":  {net(4, neural.Layer{Outputs: 8}), "leads from 4 numbers to 8, want from an observation of 68 to 8 actions"},
		"a value, no scores":   {net(68, neural.Layer{Outputs: 1}), "leads from 68 numbers to 1"},
		"an unknown operation": {[]byte(strings.ReplaceAll(string(whole), "Gemm", "Conv")), "cannot be read; Gemm, MatMul"},
		"not finite":           {foreign(spoiled, good), "a weight is not finite"},
		"cut off":              {whole[:len(whole)-9], "no ONNX model, or it is cut off"},
		"cut off in the net":   {whole[:len(whole)/3], "no ONNX model, or it is cut off"},
		"huge":                 {append([]byte{8}, make([]byte, learned.MostBytes)...), "it has 67108865 bytes, at most 67108864 are read"},
	} {
		_, err := learned.Read(tc.data)
		if !errors.Is(err, learned.ErrModel) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want ErrModel that says %q", name, err, tc.says)
		}
	}
	if _, err := learned.Read(whole); err != nil {
		t.Errorf("what the others were made of: %v", err)
	}
}

// Whatever the bytes are and whatever they say of themselves: refused, or a model
// that can be written and read again.
func FuzzReadONNX(f *testing.F) {
	m := model(f, 3)
	m.Net, _ = neural.New(learned.Width, neural.Layer{Outputs: len(m.Actions)}) // small, for fuzzers
	good := says(f, m)
	f.Add(foreign(m, good), good)
	f.Add(onnxtest.File(m.Net, nil), strings.Replace(good, `"schema":1`, `"schema":1,"x":1`, 1))
	f.Add([]byte{8, 8}, "{}")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		for _, data := range [][]byte{data, append([]byte{8}, data...), foreign(m, text)} {
			got, err := learned.Read(data)
			if err != nil {
				if !errors.Is(err, learned.ErrModel) {
					t.Fatal(err)
				}
				continue
			}
			again, err := got.Bytes()
			if err != nil {
				t.Fatalf("read and not to be written: %v", err)
			}
			if _, err := learned.Read(again); err != nil {
				t.Fatalf("written and not to be read: %v", err)
			}
		}
	})
}
