package neural

import "fmt"

// Workspace is the memory of one Forward and the Backward after it, for a net of
// one shape and at most so many rows. It belongs to one goroutine at a time.
type Workspace struct {
	rows    int
	input   []float32   // of the last Forward; the caller's
	ran     int         // rows of the last Forward
	outputs [][]float32 // of each layer, after its activation: rows × outputs
	deltas  [][]float32 // ∂loss/∂sums of each layer: rows × outputs
	turned  []float32   // a layer's weights, transposed
}

// NewWorkspace is what Forward and Backward of the net need for up to rows rows.
func (n *Net) NewWorkspace(rows int) *Workspace {
	w := &Workspace{rows: rows}
	largest := 0
	for i, d := range n.dense {
		w.outputs = append(w.outputs, make([]float32, rows*d.outputs))
		w.deltas = append(w.deltas, make([]float32, rows*d.outputs))
		if i > 0 {
			largest = max(largest, len(d.weights))
		}
	}
	w.turned = make([]float32, largest)
	return w
}

// Forward computes the outputs of rows rows of x, one after the other:
//
//	yₗ = activation(yₗ₋₁·Wₗ + bₗ), y₀ = x
//
// What it returns is rows × Outputs and the workspace's, until the next call.
// x must stay as it is until Backward has run. It panics if x or the workspace
// is too small. It allocates nothing.
func (n *Net) Forward(w *Workspace, x []float32, rows int) []float32 {
	if rows > w.rows || len(x) < rows*n.inputs {
		panic(fmt.Sprintf("neural: %d rows of %d numbers, but the workspace is for %d rows and there are %d numbers",
			rows, n.inputs, w.rows, len(x)))
	}
	w.input, w.ran = x[:rows*n.inputs], rows
	y := w.input
	for i, d := range n.dense {
		out := w.outputs[i][:rows*d.outputs]
		for r := range rows {
			copy(out[r*d.outputs:], d.biases)
		}
		multiply(out, y, d.weights, shape{rows, d.inputs, d.outputs}, byRows(d.inputs))
		d.activation.apply(out)
		y = out
	}
	return y
}

// Backward adds ∂loss/∂parameters to gradient, which is as long as Parameters,
// given ∂loss/∂output of the rows that Forward ran last. With δ the derivative
// by a layer's sums:
//
//	δₗ = ∂loss/∂yₗ ⊙ activation′    ∂loss/∂Wₗ = yₗ₋₁ᵀ·δₗ    ∂loss/∂bₗ = Σ rows of δₗ    ∂loss/∂yₗ₋₁ = δₗ·Wₗᵀ
//
// It allocates nothing and leaves outputGradient as it is.
func (n *Net) Backward(w *Workspace, outputGradient, gradient []float32) {
	last := len(n.dense) - 1
	copy(w.deltas[last], outputGradient[:w.ran*n.Outputs()])
	for i := last; i >= 0; i-- {
		d := n.dense[i]
		delta := w.deltas[i][:w.ran*d.outputs]
		d.activation.chain(delta, w.outputs[i][:len(delta)])

		input := w.input
		if i > 0 {
			input = w.outputs[i-1][:w.ran*d.inputs]
		}
		weights, biases := d.of(gradient)
		multiply(weights, input, delta, shape{d.inputs, w.ran, d.outputs}, byColumns(d.inputs))
		addRows(biases, delta)
		if i > 0 {
			before := w.deltas[i-1][:w.ran*d.inputs]
			clear(before)
			turned := w.turned[:len(d.weights)]
			transpose(turned, d.weights, d.inputs, d.outputs)
			multiply(before, delta, turned, shape{w.ran, d.outputs, d.inputs}, byRows(d.outputs))
		}
	}
}

// addRows adds each row of m to sum.
func addRows(sum, m []float32) {
	for ; len(m) >= len(sum); m = m[len(sum):] {
		Add(sum, m[:len(sum)])
	}
}

// transpose writes m (rows × columns) as columns × rows.
func transpose(out, m []float32, rows, columns int) {
	for i := range rows {
		for j, v := range m[i*columns : (i+1)*columns] {
			out[j*rows+i] = v
		}
	}
}
