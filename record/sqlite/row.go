package sqlite

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// row is an entry as it lies in the tables entries and trails.
type row struct {
	target, id, at, kind  int64
	current, desired, why int64
	body, trail           []byte
}

func (r *row) numbers() []int64 {
	return []int64{r.target, r.id, r.at, r.kind, r.current, r.desired, r.why}
}

// line is what the body of a row holds: an entry without its trail.
type line struct {
	// Far is the time of an entry that the column at cannot hold.
	Far     []time.Time     `json:"far"`
	Decided *record.Decided `json:"decided"`
	Applied *record.Applied `json:"applied"`
	Event   *record.Event   `json:"event"`
}

// trails are what Brief leaves out.
type trails struct {
	Own     trail   `json:"own"`
	Shadows []trail `json:"shadows"`
}

type trail struct {
	Proposals []scale.Proposal `json:"proposals"`
	Steps     []scale.Step     `json:"steps"`
}

var (
	lineType   = reflect.TypeFor[line]()
	trailsType = reflect.TypeFor[trails]()
)

// column returns a time for the column at: the nearest it can hold.
func column(at time.Time) int64 {
	switch {
	case at.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case at.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	default:
		return at.UnixNano()
	}
}

// encode turns an entry into a row without its ID.
func (b *book) encode(e record.Entry) (row, error) {
	r := row{target: b.require(e.Target), at: column(e.At)}
	own := line{Applied: e.Applied, Event: e.Event}
	base := time.Unix(0, r.at)
	if !base.Equal(e.At) {
		own.Far = []time.Time{e.At}
	}
	var rest trails
	switch {
	case e.Decided != nil:
		brief := e.Decided.Brief()
		own.Decided, rest = &brief, trailsOf(e.Decided)
		r.describe(e.Decided)
		r.why = b.require(e.Decided.Decision.Reason.Code)
	case e.Applied != nil:
		r.kind, r.current, r.desired = isApplied, int64(e.Applied.From), int64(e.Applied.To)
	default:
		r.kind, r.why = isEvent, b.require(e.Event.Type)
	}
	var err error
	if r.body, err = b.blob(lineType, &own, base); err != nil {
		return row{}, fmt.Errorf("entry of %q: %w", e.Target, err)
	}
	if e.Decided == nil {
		return r, nil
	}
	if r.trail, err = b.blob(trailsType, &rest, base); err != nil {
		return row{}, fmt.Errorf("entry of %q: %w", e.Target, err)
	}
	return r, nil
}

func (r *row) describe(d *record.Decided) {
	r.current, r.desired = int64(d.Decision.CurrentReplicas), int64(d.Decision.DesiredReplicas)
	if d.Decision.Changes() {
		r.kind |= changes
	}
	if d.Held() {
		r.kind |= held
	}
}

func trailsOf(d *record.Decided) trails {
	all := trails{Own: trail{d.Decision.Recommendation.Proposals, d.Decision.Steps}}
	for _, s := range d.Shadows {
		all.Shadows = append(all.Shadows, trail{s.Recommendation.Proposals, s.Steps})
	}
	return all
}

// seal gives the row its ID and its checksums.
func (r *row) seal(id int64) {
	r.id = id
	r.body = sealed(entryRow, r.body, r.numbers()...)
	r.trail = sealed(trailRow, r.trail, r.id, r.target, r.kind)
}

// decode turns a row into the entry that was written, or says why it cannot.
func (b *book) decode(r *row, brief bool) (record.Entry, error) {
	body, ok := unsealed(entryRow, r.body, r.numbers()...)
	if !ok {
		return record.Entry{}, fmt.Errorf("%w: its checksum is wrong", errGarbled)
	}
	base := time.Unix(0, r.at).UTC()
	var own line
	if err := b.unblob(body, &own, base); err != nil {
		return record.Entry{}, err
	}
	target, ok := b.text(uint64(r.target))
	if !ok {
		return record.Entry{}, fmt.Errorf("%w: the name of its target is lost", errGarbled)
	}
	e := record.Entry{ID: r.id, Target: target, At: base, Decided: own.Decided, Applied: own.Applied, Event: own.Event}
	if len(own.Far) > 0 {
		e.At = own.Far[0]
	}
	if brief || e.Decided == nil {
		return e, nil
	}
	return e, b.addTrails(r, e.Decided, base)
}

func (b *book) addTrails(r *row, d *record.Decided, base time.Time) error {
	body, ok := unsealed(trailRow, r.trail, r.id, r.target, r.kind)
	if !ok {
		return fmt.Errorf("%w: the checksum of its trail is wrong", errGarbled)
	}
	var rest trails
	if err := b.unblob(body, &rest, base); err != nil {
		return err
	}
	if len(rest.Shadows) != len(d.Shadows) {
		return fmt.Errorf("%w: %d shadows with %d trails", errGarbled, len(d.Shadows), len(rest.Shadows))
	}
	d.Decision.Recommendation.Proposals, d.Decision.Steps = rest.Own.Proposals, rest.Own.Steps
	for i, s := range rest.Shadows {
		d.Shadows[i].Recommendation.Proposals, d.Shadows[i].Steps = s.Proposals, s.Steps
	}
	return nil
}
