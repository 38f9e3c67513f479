package neural

// inferRows is how many rows Infer carries through all layers at once: what it
// holds of them (64 × 64 numbers a layer) stays in the first-level cache.
const inferRows = 64

// Inference computes outputs alone, for as many rows as there are, with memory
// of its own. It belongs to one goroutine at a time; the net's parameters must
// not be written while it runs.
type Inference struct {
	net       *Net
	workspace *Workspace
}

// NewInference is an Inference of the net.
func (n *Net) NewInference() *Inference {
	return &Inference{net: n, workspace: n.NewWorkspace(inferRows)}
}

// Infer writes the outputs of the rows of x, one after the other, to out: as
// many rows as out holds. A row's outputs do not depend on the rows beside it.
// It panics if x is too short, and allocates nothing.
func (f *Inference) Infer(x, out []float32) {
	in, width := f.net.inputs, f.net.Outputs()
	for rows := len(out) / width; rows > 0; {
		n := min(rows, inferRows)
		copy(out, f.net.Forward(f.workspace, x, n))
		x, out, rows = x[n*in:], out[n*width:], rows-n
	}
}
