package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/flyball-io/flyball/internal/atomicfile"
	"github.com/flyball-io/flyball/record"
)

// Fence keeps an executor from obeying a planner whose term is over, and from
// doing again what a newer decision has replaced. What was obeyed last is on
// disk, so that it holds over a restart.
//
//	decision  of a lower term             refused: another planner has taken over
//	          of this term, an older one  done with: a newer one was obeyed
//	          the very same again         done; only the answer may have been lost
//	          a newer one                 obeyed
type Fence struct {
	path string
	last record.Mark
}

// OpenFence returns the fence that is kept in a file, which need not be there.
func OpenFence(path string) (*Fence, error) {
	f := &Fence{path: path}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("what was decided last: %w", err)
	}
	if err := json.Unmarshal(data, &f.last); err != nil {
		return nil, fmt.Errorf("what was decided last: %s: %w; delete the file to obey whatever planner decides next", path, err)
	}
	return f, nil
}

// verdict is what becomes of a decision.
type verdict int

const (
	fresh    verdict = iota // is to be obeyed
	repeated                // was obeyed already
	stale                   // a newer one of the same planner was obeyed
	outdated                // another planner has taken over
)

func (f *Fence) judge(m record.Mark) verdict {
	switch order := m.Compare(f.last); {
	case m.Term < f.last.Term:
		return outdated
	case order < 0:
		return stale
	case order == 0:
		return repeated
	default:
		return fresh
	}
}

// pass notes that a decision was obeyed. One that changes nothing is kept in
// memory alone, unless it is the first of its planner.
func (f *Fence) pass(m record.Mark, changed bool) error {
	newTerm := m.Term != f.last.Term
	f.last = m
	if !changed && !newTerm {
		return nil
	}
	data, err := json.Marshal(m)
	if err == nil {
		err = atomicfile.Write(f.path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep what was decided last: %w", err)
	}
	return nil
}
