package scaling

import "github.com/flyball-io/flyball/policy/learned"

// price is what a violation costs at the moment, over the tariff's price, on the
// loads that share it.
type price struct {
	now    float32
	target float32 // violations that are wanted, over those allowed
	// late is the sum, over so many intervals since it was last changed, of the share
	// that violated, over what is allowed.
	late  float64
	steps int
}

// of are the prices of workloads and which is whose: one for all, or one for each
// family, in the order in which families first come.
func (p Price) of(workloads []*Workload, actions learned.Actions) (prices []price, whose []int) {
	whose = make([]int, len(workloads))
	if !p.Apart {
		return []price{{now: p.First, target: p.Target}}, whose
	}
	known := map[string]int{}
	var base []tally
	for i, w := range workloads {
		k, seen := known[w.Family]
		if !seen {
			k = len(base)
			known[w.Family] = k
			base = append(base, tally{})
		}
		whose[i] = k
		t, _ := episode(w, actions, nil, false)
		base[k].late, base[k].steps = base[k].late+t.late, base[k].steps+t.steps
	}
	for _, t := range base {
		prices = append(prices, price{now: p.First, target: p.Target * float32(t.late/float64(max(1, t.steps)))})
	}
	return prices, whose
}

// add counts an interval.
func (p *price) add(late float64) {
	p.late += late
	p.steps++
}

// leastTarget is what violations are held against where next to none are wanted.
const leastTarget = 0.1

// reprice moves the prices once enough was seen.
func (e *Environment) reprice() {
	set := &e.cfg.Price
	e.waited += len(e.copies)
	if e.waited < set.Every {
		return
	}
	e.waited = 0
	for i := range e.prices {
		p := &e.prices[i]
		if p.steps == 0 {
			continue
		}
		off := float32(p.late/float64(p.steps)) - p.target
		if set.Apart {
			off /= max(p.target, leastTarget)
		}
		p.now = min(set.Most, max(set.Least, p.now+set.Rate*min(1, max(-1, off))))
		p.late, p.steps = 0, 0
	}
}

// Price is what an avoidable violation costs at the moment, over the tariff's: the
// mean of all prices.
func (e *Environment) Price() float64 {
	sum := 0.0
	for i := range e.prices {
		sum += float64(e.prices[i].now)
	}
	return sum / float64(len(e.prices))
}
