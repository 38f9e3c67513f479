package neural

import "runtime"

// inferRows is how many rows are carried through all layers at once: what a
// layer holds of them, 64 × 64 numbers, stays in the first-level cache.
const inferRows = 64

// Inference computes outputs alone, for as many rows as there are, on all
// cores, with memory of its own. It belongs to one goroutine at a time; the
// net's parameters must not be written while it runs.
type Inference struct {
	net        *Net
	workspaces []*Workspace // one per worker
	team       *Team
	x, out     []float32 // of the call that runs
}

// NewInference is an Inference of the net.
func (n *Net) NewInference() *Inference {
	f := &Inference{net: n}
	f.team = NewTeam(f.block)
	return f
}

// Infer writes the outputs of the rows of x, one after the other, to out: as
// many rows as out holds. A row's outputs do not depend on the rows beside it.
// It panics if x is too short. In steady state it allocates nothing.
func (f *Inference) Infer(x, out []float32) {
	rows := len(out) / f.net.Outputs()
	parts := (rows + inferRows - 1) / inferRows
	workers := min(runtime.GOMAXPROCS(0), parts) // once: it may change at any time
	for len(f.workspaces) < workers {
		f.workspaces = append(f.workspaces, f.net.NewWorkspace(inferRows))
	}
	f.x, f.out = x[:rows*f.net.inputs], out[:rows*f.net.Outputs()]
	f.team.run(parts, workers)
	f.x, f.out = nil, nil
}

// block infers the rows of one part.
func (f *Inference) block(worker, part int) {
	in, width := f.net.inputs, f.net.Outputs()
	x, out := f.x[part*inferRows*in:], f.out[part*inferRows*width:]
	rows := min(inferRows, len(out)/width)
	copy(out, f.net.Forward(f.workspaces[worker], x, rows))
}
