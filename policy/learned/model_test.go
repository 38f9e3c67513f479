package learned_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
)

// model has met everything in training and always prefers one action.
func model(t testing.TB, action int) *learned.Model {
	t.Helper()
	actions := learned.StandardActions()
	net, err := neural.New(learned.Width, neural.Layer{Outputs: 16, Activation: neural.Tanh}, neural.Layer{Outputs: len(actions), Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	net.Initialize(rand.New(rand.NewPCG(1, 1)))
	_, biases := net.Weights(1)
	for i := range biases { // of those that are allowed, the nearest to it
		biases[i] = float32(-10 * max(i-action, action-i))
	}
	return &learned.Model{Net: net, Actions: actions, Features: anything(), Origin: learned.Origin{Algorithm: "test", Seed: 7, Steps: 1}}
}

func anything() learned.Features {
	f := learned.Features{}
	for range learned.Width {
		f.Mean, f.Std = append(f.Mean, 0), append(f.Std, 1)
		f.Least, f.Most = append(f.Least, -2), append(f.Most, 2)
	}
	return f
}

func file(t testing.TB, m *learned.Model) []byte {
	t.Helper()
	data, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAModelIsReadAsItWasWritten(t *testing.T) {
	m := model(t, 2)
	m.Origin.Training = map[string]float64{"regret": 0.05}
	got, err := learned.Read(file(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Net.Parameters(), got.Net.Parameters()); diff != "" || !m.Net.SameShape(got.Net) {
		t.Errorf("another net:\n%s", diff)
	}
	for name, diff := range map[string]string{"actions": cmp.Diff(m.Actions, got.Actions), "features": cmp.Diff(m.Features, got.Features), "origin": cmp.Diff(m.Origin, got.Origin)} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if !bytes.Equal(file(t, m), file(t, got)) {
		t.Error("written again it is another file")
	}
}

// sealed is a file with another header or body whose checksum fits.
func sealed(data []byte, change func([]byte) []byte) []byte {
	body := change(bytes.Clone(data[:len(data)-sha256.Size]))
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}

// header replaces text in the header, whose length changes with it.
func header(old, with string) func([]byte) []byte {
	return func(body []byte) []byte {
		n := int(binary.LittleEndian.Uint32(body[12:]))
		text := strings.Replace(string(body[16:16+n]), old, with, 1)
		if text == string(body[16:16+n]) {
			panic("the header has no " + old)
		}
		out := append(bytes.Clone(body[:16]), text...)
		binary.LittleEndian.PutUint32(out[12:], uint32(len(text)))
		return append(out, body[16+n:]...)
	}
}

func parameter(bits uint32) func([]byte) []byte {
	return func(body []byte) []byte {
		binary.LittleEndian.PutUint32(body[len(body)-4:], bits)
		return body
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	good := file(t, model(t, 3))
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, tc := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                {nil, "does not begin with"},
		"another program's":      {[]byte("\x89PNG\r\n\x1a\n and more of it, long enough to be a model of something"), "does not begin with"},
		"cut off early":          {good[:20], "cut off after 20 bytes"},
		"cut off late":           {good[:len(good)-5], "checksum"},
		"longer":                 {append(bytes.Clone(good), 0), "checksum"},
		"a bit changed":          {flipped, "checksum"},
		"of a later version":     {sealed(good, func(b []byte) []byte { b[8] = 9; return b }), "version 9"},
		"a header without end":   {sealed(good, func(b []byte) []byte { b[15] = 0x7f; return b }), "header is said to have"},
		"of another schema":      {sealed(good, header(`"schema":1`, `"schema":2`)), "schema 2"},
		"an unknown field":       {sealed(good, header(`"schema":1`, `"schema":1,"x":1`)), "unknown field"},
		"more behind the header": {sealed(good, header(`{"schema"`, `{} {"schema"`)), "more than one JSON object"},
		"wrong shape":            {sealed(good, header(`"outputs":16`, `"outputs":17`)), "parameters"},
		"a shape beyond all":     {sealed(good, header(`"outputs":16`, `"outputs":1600000000`)), "outputs"},
		"a negative shape":       {sealed(good, header(`"outputs":16`, `"outputs":-16`)), "outputs"},
		"no layers":              {sealed(good, header(`"layers":[`, `"layers":[],"x":[`)), "unknown field"},
		"an unknown activation":  {sealed(good, header(`"tanh"`, `"sine"`)), `unknown activation "sine"`},
		"fewer actions":          {sealed(good, header(`0.7,0.8,`, ``)), "want from an observation"},
		"actions without base":   {sealed(good, header(`,1,`, `,1.01,`)), "factor 1"},
		"fewer features":         {sealed(good, header(`"mean":[0,`, `"mean":[`)), "features"},
		"features upside down":   {sealed(good, header(`"least":[-2`, `"least":[3`)), "load-7"},
		"NaN":                    {sealed(good, parameter(math.Float32bits(float32(math.NaN())))), "is NaN"},
		"infinite":               {sealed(good, parameter(math.Float32bits(float32(math.Inf(-1))))), "is -Inf"},
		"parameters too many":    {sealed(good, func(b []byte) []byte { return append(b, 0, 0, 0, 0) }), "parameters"},
		"parameters missing":     {sealed(good, func(b []byte) []byte { return b[:len(b)-4] }), "parameters"},
	} {
		_, err := learned.Read(tc.data)
		if !errors.Is(err, learned.ErrModel) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want ErrModel that says %q", name, err, tc.says)
		}
	}
}

// What could not be read is not written either.
func TestAModelThatDoesNotFitIsNotWritten(t *testing.T) {
	for name, spoil := range map[string]func(*learned.Model){
		"NaN":          func(m *learned.Model) { m.Net.Parameters()[0] = float32(math.NaN()) },
		"no actions":   func(m *learned.Model) { m.Actions = nil },
		"no features":  func(m *learned.Model) { m.Features = learned.Features{} },
		"another net":  func(m *learned.Model) { m.Net, _ = neural.New(3, neural.Layer{Outputs: 8}) },
		"NaN features": func(m *learned.Model) { m.Features.Mean[1] = float32(math.NaN()) },
	} {
		m := model(t, 3)
		spoil(m)
		if _, err := m.Bytes(); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	good := file(f, model(f, 3))
	f.Add(good)
	f.Add(good[:len(good)-40])
	f.Fuzz(func(t *testing.T, data []byte) {
		// A checksum keeps fuzzers out: with the right one they get further.
		for _, d := range [][]byte{data, append(bytes.Clone(data), make([]byte, sha256.Size)...)} {
			if len(d) > sha256.Size {
				d = sealed(d, func(b []byte) []byte { return b })
			}
			m, err := learned.Read(d)
			if err != nil {
				if !errors.Is(err, learned.ErrModel) {
					t.Fatal(err)
				}
				continue
			}
			if _, err := m.Bytes(); err != nil {
				t.Fatalf("read and not to be written: %v", err)
			}
		}
	})
}
