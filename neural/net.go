// Package neural is multi-layer perceptrons, small and exact enough to decide
// replica counts: dense layers in float32, backpropagation written by hand, and
// the optimisers that train them. Nothing here does I/O, reads a clock, or
// leaves a goroutine behind.
//
//	x ─► dense ─► tanh ─► dense ─► tanh ─► dense ─► logits, a value, Q …
//	      W₁,b₁            W₂,b₂            W₃,b₃      = Parameters, one flat slice
//
// The same calls give the same bits, whatever GOMAXPROCS is. Builds with and
// without GOEXPERIMENT=simd, and other processors, may differ in the last bits.
package neural

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// What a net may have at most: far above what decides replica counts, far below
// what would exhaust a machine that reads somebody else's file.
const (
	MaxLayers     = 64
	MaxWidth      = 1 << 16
	MaxParameters = 1 << 26
)

// Activation is what a layer does to each of its sums.
type Activation uint8

// The activations. The zero value leaves the sums as they are.
const (
	Identity Activation = iota
	Tanh
	ReLU
	Sigmoid
)

// String is the activation's name.
func (a Activation) String() string {
	switch a {
	case Identity:
		return "identity"
	case Tanh:
		return "tanh"
	case ReLU:
		return "relu"
	case Sigmoid:
		return "sigmoid"
	}
	return fmt.Sprintf("activation %d", uint8(a))
}

// Layer is one dense layer: y = activation(x·W + b).
type Layer struct {
	Outputs    int
	Activation Activation
	// Gain of the orthogonal weights that Initialize draws; 0 means 1.
	Gain float32
}

// Net is a multi-layer perceptron. Its shape never changes; its parameters are
// one slice that optimisers change in place.
//
// Reading calls (Forward, Backward, Infer) may run at the same time, each with
// a workspace of its own, as long as nobody writes the parameters.
type Net struct {
	inputs     int
	layers     []Layer
	parameters []float32
	dense      []dense // views of parameters, one per layer
}

// dense is where a layer's weights are.
type dense struct {
	inputs, outputs int
	activation      Activation
	weights         []float32 // inputs × outputs, row by row
	biases          []float32
	offset          int // of weights[0] in the parameters; biases follow the weights
}

// New returns a net whose parameters are all 0. It refuses shapes beyond
// [MaxLayers], [MaxWidth] and [MaxParameters].
func New(inputs int, layers ...Layer) (*Net, error) {
	total, err := count(inputs, layers)
	if err != nil {
		return nil, err
	}
	n := &Net{inputs: inputs, layers: slices.Clone(layers), parameters: make([]float32, total)}
	offset := 0
	for _, layer := range layers {
		d := dense{inputs: inputs, outputs: layer.Outputs, activation: layer.Activation, offset: offset}
		d.weights, d.biases = d.of(n.parameters)
		n.dense = append(n.dense, d)
		offset += inputs*layer.Outputs + layer.Outputs
		inputs = layer.Outputs
	}
	return n, nil
}

// count is how many parameters a shape has.
func count(inputs int, layers []Layer) (int, error) {
	if len(layers) == 0 || len(layers) > MaxLayers {
		return 0, fmt.Errorf("a net has 1 to %d layers, not %d", MaxLayers, len(layers))
	}
	if inputs < 1 || inputs > MaxWidth {
		return 0, fmt.Errorf("a net has 1 to %d inputs, not %d", MaxWidth, inputs)
	}
	total := 0
	for i, layer := range layers {
		if layer.Outputs < 1 || layer.Outputs > MaxWidth {
			return 0, fmt.Errorf("layer %d: 1 to %d outputs, not %d", i+1, MaxWidth, layer.Outputs)
		}
		if layer.Activation > Sigmoid {
			return 0, fmt.Errorf("layer %d: unknown %s", i+1, layer.Activation)
		}
		total += (inputs + 1) * layer.Outputs
		if total > MaxParameters {
			return 0, fmt.Errorf("layer %d: more than %d parameters", i+1, MaxParameters)
		}
		inputs = layer.Outputs
	}
	return total, nil
}

// of is the layer's part of parameters, or of a gradient of the same shape.
func (d dense) of(parameters []float32) (weights, biases []float32) {
	size := d.inputs * d.outputs
	all := parameters[d.offset : d.offset+size+d.outputs]
	return all[:size:size], all[size:]
}

// Inputs is the width of a row that the net reads.
func (n *Net) Inputs() int { return n.inputs }

// Outputs is the width of a row that the net writes.
func (n *Net) Outputs() int { return n.layers[len(n.layers)-1].Outputs }

// Layers is a copy of the net's layers.
func (n *Net) Layers() []Layer { return slices.Clone(n.layers) }

// Parameters is the net's own slice of everything that is learned: layer after
// layer, its weights (inputs × outputs, row by row), then its biases.
func (n *Net) Parameters() []float32 { return n.parameters }

// Weights are the parts of Parameters that are a layer's, counted from 0:
// weights[i·outputs+j] leads from input i to output j.
func (n *Net) Weights(layer int) (weights, biases []float32) {
	return n.dense[layer].weights, n.dense[layer].biases
}

// Clone is a net of the same shape with parameters of its own.
func (n *Net) Clone() *Net {
	c, err := New(n.inputs, n.layers...)
	if err != nil {
		panic(err) // the shape was accepted once
	}
	copy(c.parameters, n.parameters)
	return c
}

// SameShape reports whether parameters of one net mean the same in the other.
func (n *Net) SameShape(other *Net) bool {
	return n.inputs == other.inputs && slices.EqualFunc(n.layers, other.layers, func(a, b Layer) bool {
		return a.Outputs == b.Outputs && a.Activation == b.Activation
	})
}

// Initialize draws orthogonal weights, each layer's times its gain, and sets the
// biases to 0. The same random numbers give the same net.
func (n *Net) Initialize(random *rand.Rand) {
	for i, d := range n.dense {
		gain := n.layers[i].Gain
		if gain == 0 {
			gain = 1
		}
		orthogonal(d.weights, d.inputs, d.outputs, gain, random)
		clear(d.biases)
	}
}
