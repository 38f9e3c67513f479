package record

import (
	"errors"
	"fmt"
	"slices"
)

// Validate reports the entries that no store can take, all of them at once.
func (b Batch) Validate() error {
	var errs []error
	for i, e := range b.Entries {
		set := 0
		for _, is := range []bool{e.Decided != nil, e.Applied != nil, e.Event != nil} {
			if is {
				set++
			}
		}
		if set != 1 {
			errs = append(errs, fmt.Errorf("entry %d of %q: exactly one of decided, applied and event must be set, got %d", i, e.Target, set))
		}
	}
	return errors.Join(errs...)
}

// Clone returns a copy that shares no memory with e.
func (e Entry) Clone() Entry {
	if e.Decided != nil {
		d := e.Decided.Clone()
		e.Decided = &d
	}
	if e.Applied != nil {
		a := *e.Applied
		e.Applied = &a
	}
	if e.Event != nil {
		v := *e.Event
		v.Advised = v.Advised.Clone()
		e.Event = &v
	}
	return e
}

// Clone returns a copy that shares no memory with d.
func (d Decided) Clone() Decided {
	d.Decision = d.Decision.Clone()
	d.Shadows = slices.Clone(d.Shadows)
	for i := range d.Shadows {
		d.Shadows[i] = d.Shadows[i].Clone()
	}
	d.Seen.Signals = slices.Clone(d.Seen.Signals)
	d.Seen.Conditions = slices.Clone(d.Seen.Conditions)
	return d
}
