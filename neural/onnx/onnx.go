// Package onnx reads policies that others trained: a multi-layer perceptron in
// the Open Neural Network Exchange format, as PyTorch and Stable-Baselines3 export
// it, becomes a [neural.Net]. It does not run arbitrary graphs: what a perceptron
// is not made of is refused by name. A file is untrusted input; reading takes
// memory in proportion to its size.
package onnx

import (
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/neural"
)

// What a file may have at most.
const (
	MaxBytes = 4*neural.MaxParameters + 1<<20
	maxNodes = 10_000
)

// Begins reports whether a file that begins so may be an ONNX model. All writers
// begin with the version of the format, field 1 as a varint: a byte that no text
// begins with.
func Begins(file []byte) bool { return len(file) > 0 && file[0] == 1<<3 }

// Read makes a net of the path from the input to one of the outputs; an empty
// name means the first. Whatever else is in the graph is left alone, so of a
// model with a policy and a value either can be read.
//
// The path may consist of Gemm, MatMul, Add, Sub, Mul and Div with constants,
// Tanh, Relu, Sigmoid, Identity, Dropout, Cast to float and Flatten. Softmax,
// LogSoftmax and ArgMax may end it and are left out: the net says what they are
// made of, the logits, which masks and greedy choice need. The weights are in the
// file, as float or double: torch.onnx.export(…, external_data=False).
//
// The formats are those of onnx.proto3 and Operators.md of github.com/onnx/onnx.
func Read(file []byte, output string) (*neural.Net, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("onnx: %d bytes, more than %d", len(file), MaxBytes)
	}
	g, err := parseModel(file)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	path, err := g.path(output)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	b := &builder{graph: g, width: g.width}
	for _, n := range path {
		if err := b.add(n); err != nil {
			return nil, fmt.Errorf("onnx: %s: %w", n, err)
		}
	}
	net, err := b.net()
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return net, nil
}

// step is a node of the path, and which of its inputs the path comes by.
type step struct {
	node
	dynamic int
}

func (s step) String() string {
	if s.name == "" {
		return s.op
	}
	return fmt.Sprintf("%s %q", s.op, s.name)
}

// path is the nodes from the graph's input to the output, in that order. It
// also sets the width of the input, if the file says it.
func (g *graph) path(output string) ([]step, error) {
	value, err := g.output(output)
	if err != nil {
		return nil, err
	}
	var path []step
	for !g.isInput(value) {
		n, ok := g.producer(value)
		if !ok {
			return nil, fmt.Errorf("%q is neither an input nor made by a node", value)
		}
		if len(path) == len(g.nodes) {
			return nil, fmt.Errorf("the graph leads in a circle at %q", value)
		}
		dynamic, err := g.dynamic(n)
		if err != nil {
			return nil, err
		}
		path = append(path, step{n, dynamic})
		value = n.inputs[dynamic]
	}
	g.width = g.inputs[value]
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path, nil
}

// output is the named output, or the first.
func (g *graph) output(name string) (string, error) {
	if len(g.outputs) == 0 {
		return "", fmt.Errorf("no output: this is no ONNX model")
	}
	if name == "" {
		return g.outputs[0], nil
	}
	for _, o := range g.outputs {
		if o == name {
			return o, nil
		}
	}
	return "", fmt.Errorf("no output %q; there are %s", name, strings.Join(g.outputs, ", "))
}

// dynamic is the one input of a node that is not a constant.
func (g *graph) dynamic(n node) (int, error) {
	found := -1
	for i, input := range n.inputs {
		if _, constant := g.constant(input, 0); constant || input == "" {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%s: joins %q and %q; only a chain of layers can be read", step{node: n}, n.inputs[found], input)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("%s: depends on no input", step{node: n})
	}
	return found, nil
}

// constant is a tensor that is in the file, also by way of Constant, Identity
// and Transpose nodes, as exporters leave them.
func (g *graph) constant(name string, depth int) (tensor, bool) {
	if t, ok := g.tensors[name]; ok {
		return t, true
	}
	n, ok := g.producer(name)
	if !ok || depth > 8 {
		return tensor{}, false
	}
	switch {
	case n.op == "Constant" && n.value != nil:
		return *n.value, true
	case n.op == "Identity" && len(n.inputs) == 1:
		return g.constant(n.inputs[0], depth+1)
	case n.op == "Transpose" && len(n.inputs) == 1:
		t, ok := g.constant(n.inputs[0], depth+1)
		if ok && len(t.dims) == 2 {
			t.dims, t.turned = []int{t.dims[1], t.dims[0]}, !t.turned
			return t, true
		}
	}
	return tensor{}, false
}
