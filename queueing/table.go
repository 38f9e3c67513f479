package queueing

import "math"

// table is a [Curve] as a [Library] keeps it, for thousands of services at once:
// a fifteenth of its memory, for loads within 1 %. It holds no quantiles, half as
// many loads and a quarter of the delays, and the logarithm of a share as a
// number of 16 bits: steps of 0.04 % from 1e-12 to 1.
//
//	[node of replicas][load][delay]: ln of the avoidable share
//	[node of replicas][load]:        mean response, in mean services
//
// It does not change: one that goes further is made of it.
type table struct {
	nodes int // of replicas, the first ones of the library's
	most  int // replicas of the last node
	logs  []uint16
	means []float32
}

const (
	tableFiner  = 2 // nodes in each doubling of the odds, as a power of 2
	tableLoads  = (highest-lowest)<<tableFiner + 1
	tableShift  = 52 - tableFiner
	tableDelays = 8
	tableRow    = tableDelays + 1
	tableCells  = tableLoads * tableRow // of a node of replicas
)

// leastLog is the logarithm of leastShare, logStep that of one step.
var (
	leastLog = math.Log(leastShare)
	logStep  = -leastLog / math.MaxUint16
)

func packLog(share float64) uint16 {
	return uint16((math.Log(max(leastShare, min(1, share)))-leastLog)/logStep + 0.5)
}

// tableLoad is the node below a load, and the place behind it.
func tableLoad(capacity, rate float64) (node int, behind float64) {
	const first = (1023 + lowest) << tableFiner
	odds := rate / (capacity - rate)
	switch {
	case rate >= capacity || odds >= 1<<highest:
		return tableLoads - 2, 1
	case !(odds > 1.0/(1<<-lowest)):
		return 0, 0
	}
	bits := math.Float64bits(odds)
	return int(bits>>tableShift) - first, float64(bits&(1<<tableShift-1)) * (1.0 / (1 << tableShift))
}

// tableOdds is the odds at a node of the load.
func tableOdds(load int) float64 {
	return math.Float64frombits(uint64(load+(1023+lowest)<<tableFiner) << tableShift)
}

// log interpolates the logarithm of the avoidable share.
func (t *table) log(at place, load, delay int, fl, fd float64) float64 {
	from := int(at.node)*tableCells + load*tableRow + delay
	log := tableCorner(t.logs[from:from+tableRow+2], fl, fd)
	if at.share > 0 {
		from += tableCells
		log += float64(at.share) * (tableCorner(t.logs[from:from+tableRow+2], fl, fd) - log)
	}
	return leastLog + log*logStep
}

// tableCorner interpolates between four values.
func tableCorner(v []uint16, fl, fd float64) float64 {
	_ = v[tableRow+1]
	near, far := float64(v[0]), float64(v[tableRow])
	if fd > 0 {
		near += fd * (float64(v[1]) - near)
		far += fd * (float64(v[tableRow+1]) - far)
	}
	return near + fl*(far-near)
}

// mean interpolates the mean response.
func (t *table) mean(at place, load int, behind float64) float64 {
	from := int(at.node)*tableLoads + load
	v := float64(t.means[from]) + behind*float64(t.means[from+1]-t.means[from])
	if at.share > 0 {
		from += tableLoads
		next := float64(t.means[from]) + behind*float64(t.means[from+1]-t.means[from])
		v += float64(at.share) * (next - v)
	}
	return v
}

// bytes is what the table takes.
func (t *table) bytes() int {
	if t == nil {
		return 0
	}
	return 2*len(t.logs) + 4*len(t.means)
}

// further returns the table for so many nodes of replicas; old, if not nil, is
// its beginning. The nodes it has stay as they are: what follows depends on
// them, not the other way round.
func (s Service) further(old *table, threshold float64, nodes []int) *table {
	t := &table{nodes: len(nodes), most: nodes[len(nodes)-1]}
	t.logs, t.means = make([]uint16, len(nodes)*tableCells), make([]float32, len(nodes)*tableLoads)
	done := 0
	if old != nil {
		done = old.nodes
		copy(t.logs, old.logs)
		copy(t.means, old.means)
	}
	p := newProfile(s, threshold)
	for node := done; node < len(nodes); node++ {
		if node > 0 && s.Topology == Random { // each replica has its own share of the stream
			copy(t.logs[node*tableCells:], t.logs[:tableCells])
			copy(t.means[node*tableLoads:], t.means[:tableLoads])
			continue
		}
		t.fill(p, node, nodes[node])
		t.straighten(node)
	}
	return t
}

// fill computes a number of replicas, from the highest load down to where nobody
// waits: nobody does below that.
func (t *table) fill(p *profile, node, replicas int) {
	logs, means := t.logs[node*tableCells:], t.means[node*tableLoads:]
	for load := tableLoads - 1; load >= 0; load-- {
		odds := tableOdds(load)
		r := p.response(replicas, odds/(1+odds))
		for d := range tableRow {
			logs[load*tableRow+d] = packLog(r.avoidable(d * cells / tableDelays))
		}
		means[load] = float32(r.mean())
		if load < tableLoads-1 && logs[load*tableRow] == 0 && float64(means[load])-p.mean < 1e-6*p.mean {
			for l := range load {
				copy(logs[l*tableRow:], logs[load*tableRow:(load+1)*tableRow])
				means[l] = means[load]
			}
			return
		}
	}
}

// straighten makes a node monotone, where approximations meet: growing with load
// and delay, falling with replicas.
func (t *table) straighten(node int) {
	for i := node * tableCells; i < (node+1)*tableCells; i++ {
		if node > 0 {
			t.logs[i] = min(t.logs[i], t.logs[i-tableCells])
		}
		if i%tableCells >= tableRow {
			t.logs[i] = max(t.logs[i], t.logs[i-tableRow])
		}
		if i%tableRow > 0 {
			t.logs[i] = max(t.logs[i], t.logs[i-1])
		}
	}
	for i := node * tableLoads; i < (node+1)*tableLoads; i++ {
		if node > 0 {
			t.means[i] = min(t.means[i], t.means[i-tableLoads])
		}
		if i%tableLoads > 0 {
			t.means[i] = max(t.means[i], t.means[i-1])
		}
	}
}
