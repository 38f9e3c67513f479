package onnx

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/neural"
)

// builder makes layers of the path's operations, one after the other. What
// scales and shifts each number goes into the layer before it, or waits for the
// one after it:
//
//	(x ⊙ scale + shift)·W + b = x·(diag(scale)·W) + (shift·W + b)
type builder struct {
	graph        *graph
	width        int // of a row so far; 0 as long as the file has not said it
	layers       []layer
	parameters   int
	scale, shift []float32 // that wait for the next layer; nil if none do
	ended        string    // by Softmax, LogSoftmax or ArgMax
}

type layer struct {
	neural.Layer
	inputs          int
	weights, biases []float32
}

// widestDiagonal is how wide a row may be of which each number alone has to
// become an input of a layer of its own.
const widestDiagonal = 1024

// add applies one operation.
func (b *builder) add(n step) error {
	if n.domain != "" && n.domain != "ai.onnx" {
		return fmt.Errorf("is of the domain %q, which is not ONNX's own", n.domain)
	}
	if b.ended != "" && n.op != "Identity" && n.op != "Cast" && n.op != "ArgMax" {
		return fmt.Errorf("comes after %s, which may only end a policy", b.ended)
	}
	if n.dynamic != 0 && n.op != "Add" && n.op != "Mul" && n.op != "Sub" {
		return errors.New("its first input is a constant")
	}
	switch n.op {
	case "Gemm":
		return b.gemm(n)
	case "MatMul":
		return b.matMul(n)
	case "Add", "Sub", "Mul", "Div":
		return b.elementwise(n)
	case "Tanh":
		return b.activate(neural.Tanh)
	case "Relu":
		return b.activate(neural.ReLU)
	case "Sigmoid":
		return b.activate(neural.Sigmoid)
	case "Identity", "Dropout":
		return nil
	case "Cast":
		if to := n.ints["to"]; b.ended == "" && to != kindFloat {
			return fmt.Errorf("to the data type %d; only float (1) can be read", to)
		}
		return nil
	case "Flatten":
		if axis, ok := n.ints["axis"]; ok && axis != 1 {
			return fmt.Errorf("axis %d; only 1, which keeps rows apart, can be read", axis)
		}
		return nil
	case "Softmax", "LogSoftmax", "ArgMax":
		b.ended = n.op
		return nil
	}
	return errors.New("cannot be read; Gemm, MatMul, Add, Sub, Mul, Div, Tanh, Relu, Sigmoid, Identity, Dropout, Cast, Flatten, Softmax, LogSoftmax and ArgMax can")
}

// matrix is a constant input with two dimensions.
func (b *builder) matrix(n step, input int) (numbers []float32, rows, columns int, err error) {
	if input >= len(n.inputs) {
		return nil, 0, 0, fmt.Errorf("has %d inputs", len(n.inputs))
	}
	t, _ := b.graph.constant(n.inputs[input], 0)
	if len(t.dims) != 2 {
		return nil, 0, 0, fmt.Errorf("weights of the dimensions %v, want two", t.dims)
	}
	numbers, err = t.numbers()
	return numbers, t.dims[0], t.dims[1], err
}

// vector is a constant input as width numbers, one for all or one for each; of
// a constant without a name, zeros.
func (b *builder) vector(name string, width int) ([]float32, error) {
	out := make([]float32, width)
	if name == "" {
		return out, nil
	}
	t, _ := b.graph.constant(name, 0)
	for i, d := range t.dims {
		if d != 1 && i < len(t.dims)-1 {
			return nil, fmt.Errorf("%q has the dimensions %v, want one number per column", name, t.dims)
		}
	}
	numbers, err := t.numbers()
	if err != nil {
		return nil, err
	}
	if len(numbers) != width && len(numbers) != 1 {
		return nil, fmt.Errorf("%q has %d numbers, want %d", name, len(numbers), width)
	}
	for i := range out {
		out[i] = numbers[i%len(numbers)]
	}
	return out, nil
}

// gemm is y = α·x·B + β·C, where B may be stored transposed.
func (b *builder) gemm(n step) error {
	if n.ints["transA"] != 0 {
		return errors.New("transA: rows would no longer be apart")
	}
	weights, rows, columns, err := b.matrix(n, 1)
	if err != nil {
		return err
	}
	if n.ints["transB"] != 0 {
		weights, _ = tensor{dims: []int{columns, rows}, turned: true, kind: kindFloat, float: weights}.numbers()
		rows, columns = columns, rows
	}
	name := ""
	if len(n.inputs) > 2 {
		name = n.inputs[2]
	}
	biases, err := b.vector(name, columns)
	if err != nil {
		return err
	}
	return b.dense(rows, columns, times(weights, factor(n, "alpha")), times(biases, factor(n, "beta")))
}

func factor(n step, name string) float32 {
	if v, ok := n.floats[name]; ok {
		return v
	}
	return 1
}

func times(x []float32, by float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = by * v
	}
	return out
}

func (b *builder) matMul(n step) error {
	weights, rows, columns, err := b.matrix(n, 1)
	if err != nil {
		return err
	}
	return b.dense(rows, columns, times(weights, 1), make([]float32, columns))
}

// dense adds a layer without activation, behind what waits.
func (b *builder) dense(inputs, outputs int, weights, biases []float32) error {
	if b.width != 0 && b.width != inputs {
		return fmt.Errorf("takes rows of %d numbers, but they have %d", inputs, b.width)
	}
	b.parameters += len(weights) + len(biases)
	if len(b.layers) == neural.MaxLayers || b.parameters > neural.MaxParameters {
		return fmt.Errorf("more than %d layers or %d parameters", neural.MaxLayers, neural.MaxParameters)
	}
	if b.scale != nil {
		for i := range inputs {
			row := weights[i*outputs : (i+1)*outputs]
			for j := range row {
				biases[j] += b.shift[i] * row[j]
				row[j] *= b.scale[i]
			}
		}
		b.scale, b.shift = nil, nil
	}
	b.layers = append(b.layers, layer{neural.Layer{Outputs: outputs}, inputs, weights, biases})
	b.width = outputs
	return nil
}

// elementwise is x+c, x−c, c−x, x·c or x/c.
func (b *builder) elementwise(n step) error {
	if len(n.inputs) != 2 {
		return fmt.Errorf("has %d inputs, not 2", len(n.inputs))
	}
	name := n.inputs[1-n.dynamic]
	if b.width == 0 {
		t, _ := b.graph.constant(name, 0)
		if len(t.dims) == 0 || t.dims[len(t.dims)-1] < 2 || t.dims[len(t.dims)-1] > neural.MaxWidth {
			return errors.New("the file does not say how wide its input is")
		}
		b.width = t.dims[len(t.dims)-1]
	}
	c, err := b.vector(name, b.width)
	if err != nil {
		return err
	}
	scale, shift := make([]float32, b.width), make([]float32, b.width)
	for i, v := range c {
		switch {
		case n.op == "Add":
			scale[i], shift[i] = 1, v
		case n.op == "Sub" && n.dynamic == 0:
			scale[i], shift[i] = 1, -v
		case n.op == "Sub":
			scale[i], shift[i] = -1, v
		case n.op == "Mul":
			scale[i] = v
		default:
			scale[i] = 1 / v
		}
	}
	b.affine(scale, shift)
	return nil
}

// affine puts x ⊙ scale + shift into the layer before, or behind what waits.
func (b *builder) affine(scale, shift []float32) {
	if last := len(b.layers) - 1; last >= 0 && b.layers[last].Activation == neural.Identity {
		l := b.layers[last]
		for i := range l.weights {
			l.weights[i] *= scale[i%l.Outputs]
		}
		for j := range l.biases {
			l.biases[j] = l.biases[j]*scale[j] + shift[j]
		}
		return
	}
	if b.scale == nil {
		b.scale, b.shift = scale, shift
		return
	}
	for i := range scale {
		b.scale[i], b.shift[i] = b.scale[i]*scale[i], b.shift[i]*scale[i]+shift[i]
	}
}

// activate ends the layer before, or one of its own where there is none to end.
func (b *builder) activate(a neural.Activation) error {
	if len(b.layers) == 0 || b.layers[len(b.layers)-1].Activation != neural.Identity {
		if err := b.diagonal(); err != nil {
			return err
		}
	}
	b.layers[len(b.layers)-1].Activation = a
	return nil
}

// diagonal makes what waits a layer of its own, x ⊙ scale + shift.
func (b *builder) diagonal() error {
	if b.width == 0 || b.width > widestDiagonal {
		return fmt.Errorf("follows no layer, and the rows have %d numbers, not 1 to %d", b.width, widestDiagonal)
	}
	weights := make([]float32, b.width*b.width)
	for i := range b.width {
		weights[i*b.width+i] = 1
	}
	return b.dense(b.width, b.width, weights, make([]float32, b.width))
}

// net is all layers.
func (b *builder) net() (*neural.Net, error) {
	if b.scale != nil {
		if err := b.diagonal(); err != nil {
			return nil, err
		}
	}
	if len(b.layers) == 0 {
		return nil, errors.New("there is no layer between input and output")
	}
	var layers []neural.Layer
	for _, l := range b.layers {
		layers = append(layers, l.Layer)
	}
	net, err := neural.New(b.layers[0].inputs, layers...)
	if err != nil {
		return nil, err
	}
	for i, l := range b.layers {
		weights, biases := net.Weights(i)
		copy(weights, l.weights)
		copy(biases, l.biases)
	}
	if !neural.Finite(net.Parameters()) {
		return nil, errors.New("a weight is not finite")
	}
	return net, nil
}
