package record

import "github.com/flyball-io/flyball/scale"

// Matches reports whether the query asks for an entry, apart from Limit.
func (q Query) Matches(e Entry) bool {
	switch {
	case q.Target != "" && e.Target != q.Target,
		q.Kind != "" && e.Kind() != q.Kind,
		!q.From.IsZero() && e.At.Before(q.From),
		!q.To.IsZero() && !e.At.Before(q.To),
		q.Before != 0 && e.ID >= q.Before,
		q.After != 0 && e.ID <= q.After:
		return false
	}
	return e.Decided == nil || q.Filter.keeps(e.Decided)
}

func (f Filter) keeps(d *Decided) bool {
	switch f {
	case Changes:
		return d.Decision.Changes()
	case Held:
		return d.Held()
	default:
		return true
	}
}

// Held reports whether a guard allowed another count than was wanted.
func (d *Decided) Held() bool {
	return !d.Decision.NoData && d.Decision.DesiredReplicas != d.Decision.Recommendation.Replicas
}

// Brief returns the decision without its trail: no proposals, no steps.
func (d Decided) Brief() Decided {
	d.Decision = brief(d.Decision)
	shadows := d.Shadows
	d.Shadows = nil
	for _, s := range shadows {
		d.Shadows = append(d.Shadows, brief(s))
	}
	return d
}

func brief(d scale.Decision) scale.Decision {
	d.Recommendation.Proposals, d.Steps = nil, nil
	return d
}
