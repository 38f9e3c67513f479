package neural_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/neural"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func normal(n int, seed uint64) []float32 {
	r, x := random(seed), make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func newNet(t testing.TB, inputs int, layers ...neural.Layer) *neural.Net {
	t.Helper()
	n, err := neural.New(inputs, layers...)
	if err != nil {
		t.Fatal(err)
	}
	n.Initialize(random(7))
	return n
}

// policyShape is what decides: 40 numbers of a target, 8 actions.
func policyShape() []neural.Layer {
	return []neural.Layer{
		{Outputs: 64, Activation: neural.Tanh, Gain: math.Sqrt2},
		{Outputs: 64, Activation: neural.Tanh, Gain: math.Sqrt2},
		{Outputs: 8, Gain: 0.01},
	}
}

// The derivative of a loss by each parameter is what the loss does when the
// parameter is moved a little both ways, in float64.
func TestGradientsAgainstFiniteDifferences(t *testing.T) {
	for _, activation := range []neural.Activation{neural.Identity, neural.Tanh, neural.ReLU, neural.Sigmoid} {
		t.Run(activation.String(), func(t *testing.T) {
			const rows = 9
			n := newNet(t, 5, neural.Layer{Outputs: 18, Activation: activation}, neural.Layer{Outputs: 7, Activation: activation},
				neural.Layer{Outputs: 3})
			for i, p := range normal(len(n.Parameters()), 3) {
				n.Parameters()[i] += 0.1 * p // biases too
			}
			x, weight := normal(rows*5, 1), normal(rows*3, 2)
			w := n.NewWorkspace(rows)
			gradient := make([]float32, len(n.Parameters()))
			for range 2 { // gradients are added, and nothing of the first is left in the workspace
				n.Forward(w, x, rows)
				n.Backward(w, weight, gradient) // loss = Σ weight·output
			}
			for i := range n.Parameters() {
				want := 2 * slope(n, x, weight, i)
				if math.Abs(float64(gradient[i])-want) > 1e-4*(1+math.Abs(want)) {
					t.Fatalf("parameter %d: gradient %v, finite difference %v", i, gradient[i], want)
				}
			}
		})
	}
}

// slope is the finite difference of Σ weight·output by parameter i.
func slope(n *neural.Net, x, weight []float32, i int) float64 {
	const step = 1e-6
	loss := func(move float64) float64 {
		parameters := make([]float64, len(n.Parameters()))
		for i, p := range n.Parameters() {
			parameters[i] = float64(p)
		}
		parameters[i] += move
		sum := 0.0
		for r := range len(weight) / n.Outputs() {
			for j, y := range exact(n, parameters, x[r*n.Inputs():(r+1)*n.Inputs()]) {
				sum += float64(weight[r*n.Outputs()+j]) * y
			}
		}
		return sum
	}
	return (loss(step) - loss(-step)) / (2 * step)
}

// exact is the net by its definition, row by row in float64.
func exact(n *neural.Net, parameters []float64, row []float32) []float64 {
	y := make([]float64, len(row))
	for i, v := range row {
		y[i] = float64(v)
	}
	for _, layer := range n.Layers() {
		out := make([]float64, layer.Outputs)
		for j := range out {
			out[j] = parameters[len(y)*layer.Outputs+j]
			for i := range y {
				out[j] += y[i] * parameters[i*layer.Outputs+j]
			}
			out[j] = activate(layer.Activation, out[j])
		}
		parameters = parameters[(len(y)+1)*layer.Outputs:]
		y = out
	}
	return y
}

func activate(a neural.Activation, x float64) float64 {
	switch a {
	case neural.Tanh:
		return math.Tanh(x)
	case neural.ReLU:
		return max(0, x)
	case neural.Sigmoid:
		return 1 / (1 + math.Exp(-x))
	}
	return x
}

// What a row becomes does not depend on how many rows there are, where it is
// among them, or on how many cores compute.
func TestARowDoesNotDependOnTheOthers(t *testing.T) {
	const rows = 331
	n := newNet(t, 40, policyShape()...)
	x, all := normal(rows*40, 1), make([]float32, rows*8)
	n.NewInference().Infer(x, all)
	single, one := n.NewInference(), make([]float32, 8)
	for r := range rows {
		single.Infer(x[r*40:], one)
		if !slices.Equal(one, all[r*8:(r+1)*8]) {
			t.Fatalf("row %d alone is %v, among others %v", r, one, all[r*8:(r+1)*8])
		}
	}
	parameters := make([]float64, len(n.Parameters()))
	for i, p := range n.Parameters() {
		parameters[i] = float64(p)
	}
	for j, want := range exact(n, parameters, x[330*40:]) {
		if math.Abs(want-float64(one[j])) > 1e-5 {
			t.Errorf("output %d of the last row is %v, want %v", j, one[j], want)
		}
	}
}

func TestInitializeIsOrthogonal(t *testing.T) {
	for _, size := range [][2]int{{40, 64}, {64, 64}, {64, 2}} {
		n := newNet(t, size[0], neural.Layer{Outputs: size[1], Gain: 3})
		weights, biases := n.Weights(0)
		vectors, of := size[0], func(v, i int) float64 { return float64(weights[v*size[1]+i]) }
		length := size[1]
		if vectors > length {
			vectors, length = length, vectors
			of = func(v, i int) float64 { return float64(weights[i*size[1]+v]) }
		}
		for a := range vectors {
			for b := range a + 1 {
				sum, want := 0.0, 0.0
				for i := range length {
					sum += of(a, i) * of(b, i)
				}
				if a == b {
					want = 9 // gain²
				}
				if math.Abs(sum-want) > 1e-4 {
					t.Fatalf("%v: vectors %d and %d have the product %v, want %v", size, a, b, sum, want)
				}
			}
		}
		if slices.Max(biases) != 0 || slices.Min(biases) != 0 {
			t.Errorf("biases begin at %v", biases)
		}
	}
}

func TestImpossibleShapesAreRefused(t *testing.T) {
	wide := neural.Layer{Outputs: neural.MaxWidth}
	for _, tc := range []struct {
		inputs int
		layers []neural.Layer
		want   string
	}{
		{4, nil, "1 to 64 layers, not 0"},
		{0, []neural.Layer{{Outputs: 1}}, "inputs, not 0"},
		{4, []neural.Layer{{Outputs: 2}, {Outputs: -1}}, "layer 2: 1 to 65536 outputs, not -1"},
		{4, []neural.Layer{{Outputs: 2, Activation: 9}}, "layer 1: unknown activation 9"},
		{neural.MaxWidth, []neural.Layer{wide}, "more than 67108864 parameters"},
		{4, slices.Repeat([]neural.Layer{{Outputs: 1}}, 65), "layers, not 65"},
	} {
		if _, err := neural.New(tc.inputs, tc.layers...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d inputs, %d layers: %v, want %q", tc.inputs, len(tc.layers), err, tc.want)
		}
	}
}

func TestACloneIsApart(t *testing.T) {
	n := newNet(t, 4, policyShape()...)
	c := n.Clone()
	if !n.SameShape(c) || !slices.Equal(n.Parameters(), c.Parameters()) {
		t.Fatal("a clone differs")
	}
	c.Parameters()[0]++
	if n.Parameters()[0] == c.Parameters()[0] {
		t.Error("a clone shares its parameters")
	}
	if n.SameShape(newNet(t, 5, policyShape()...)) {
		t.Error("nets of other widths have the same shape")
	}
}

func TestInferenceAndTrainingAllocateNothing(t *testing.T) {
	n := newNet(t, 40, policyShape()...)
	infer, x, out := n.NewInference(), normal(500*40, 1), make([]float32, 500*8)
	w, gradient := n.NewWorkspace(64), make([]float32, len(n.Parameters()))
	adam := neural.NewAdam(len(gradient), 1e-5)
	for name, run := range map[string]func(){
		"one row":  func() { infer.Infer(x[:40], out[:8]) },
		"500 rows": func() { infer.Infer(x, out) },
		"training": func() {
			n.Backward(w, n.Forward(w, x, 64), gradient)
			neural.ClipNorm(0.5, gradient)
			adam.Step(n.Parameters(), gradient, 1e-9)
		},
	} {
		if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// The first step of Adam moves each parameter by the rate, whatever the size of
// its gradient; that of RMSProp by rate/√(1−α), ten rates.
func TestOptimisersTakeTheStepsOfTheirFormulas(t *testing.T) {
	gradient := []float32{4, -0.5, 0}
	adam, p := neural.NewAdam(3, 1e-8), []float32{1, 1, 1}
	adam.Step(p, gradient, 0.1)
	near(t, "Adam, first step", p, 0.9, 1.1, 1)
	// m = 0.9·0.1·4, c₁ = 1−0.9²; v = 0.999·0.001·16, c₂ = 1−0.999²: 0.1·(0.36/0.19)/√(0.015984/0.001999).
	adam.Step(p, []float32{0, 0, 0}, 0.1)
	near(t, "Adam, second step", p, 0.9-0.0670058, 1.1+0.0670058, 1)

	rms, q := neural.NewRMSProp(3, 0), []float32{1, 1, 1}
	rms.Step(q, []float32{4, -0.5, 1}, 0.01)
	near(t, "RMSProp", q, 0.9, 1.1, 0.9)
}

func near(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-5 {
			t.Errorf("%s: got %v, want %v", what, got, want)
			return
		}
	}
}

func TestClipNormShrinksAllByOneFactor(t *testing.T) {
	a, b := []float32{3, 0}, []float32{0, 4}
	if norm := neural.ClipNorm(10, a, b); norm != 5 || a[0] != 3 {
		t.Errorf("norm %v, first %v; want 5 and untouched", norm, a[0])
	}
	neural.ClipNorm(1, a, b)
	near(t, "clipped", append(a, b...), 0.6, 0, 0, 0.8)
	if neural.Finite([]float32{1, float32(math.NaN())}) || neural.Finite([]float32{float32(math.Inf(1))}) || !neural.Finite(a) {
		t.Error("Finite is wrong")
	}
}

// Ten thousand targets: the design allows 20 ms.
func BenchmarkInfer(b *testing.B) {
	n := newNet(b, 40, policyShape()...)
	for _, rows := range []int{1, 10_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			infer, x, out := n.NewInference(), normal(rows*40, 1), make([]float32, rows*8)
			b.ReportAllocs()
			for b.Loop() {
				infer.Infer(x, out)
			}
		})
	}
}
