package inference

import "github.com/flyball-io/flyball/scale"

// state is what a snapshot holds.
type state struct {
	Memory memory `json:"memory"`
	Starts []byte `json:"starts"`
}

// depends is what the memory depends on: none of it on the knobs, but a need on
// what is thought to be needed.
func (p *Policy) depends() Config { return p.cfg }

// Snapshot returns what was learned and what was needed lately.
func (p *Policy) Snapshot() ([]byte, error) {
	starts, err := p.starts.Snapshot()
	if err != nil {
		return nil, err
	}
	return scale.Seal(kind, version, p.depends(), state{p.memory, starts})
}

// Restore takes them over.
func (p *Policy) Restore(snapshot []byte) error {
	var s state
	if err := scale.Unseal(snapshot, kind, version, p.depends(), &s); err != nil {
		return err
	}
	if err := p.starts.Restore(s.Starts); err != nil {
		return err
	}
	p.memory = s.Memory
	return nil
}
