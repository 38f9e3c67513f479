package queueing

import "math"

// lay chooses the nodes.
func (c *Curve) lay(most int) []int {
	nodes, places := layReplicas(most)
	c.nodes, c.place = len(nodes), places
	return nodes
}

// layReplicas chooses the nodes, all to 8, then every 15 %, and says where each
// number of replicas lies between them.
func layReplicas(most int) (nodes []int, places []place) {
	nodes = []int{1}
	for last := 1; last < most; {
		last = min(most, nextNode(last))
		nodes = append(nodes, last)
	}
	places = make([]place, most+1)
	node := 0
	for x := 1; x <= most; x++ {
		for node+1 < len(nodes) && nodes[node+1] <= x {
			node++
		}
		places[x].node = int32(node)
		if node+1 < len(nodes) {
			places[x].share = float32(x-nodes[node]) / float32(nodes[node+1]-nodes[node])
		}
	}
	return nodes, places
}

// nextNode is the node after one.
func nextNode(last int) int { return max(last+1, last*115/100) }

// oddsOf is the odds at a node of the load.
func oddsOf(load int) float64 { return math.Float64frombits(uint64(load+firstLoad) << shift) }

// fillAll computes the nodes that follow those there are.
func (c *Curve) fillAll(nodes []int) {
	p := newProfile(c.service, c.threshold)
	for _, x := range nodes {
		if x > 1 && c.service.Topology == Random {
			c.repeat() // each replica has its own share of the stream
			continue
		}
		c.fill(p, x)
	}
	c.straighten()
}

// fill computes one number of replicas.
func (c *Curve) fill(p *profile, x int) {
	for load := range loads {
		odds := oddsOf(load)
		r := p.response(x, odds/(1+odds))
		for d := range delayNodes {
			c.logs = append(c.logs, float32(math.Log(max(leastShare, r.avoidable(d*cells/delays)))))
		}
		for _, q := range p.quantiles(r, levels[:]) {
			c.quantiles = append(c.quantiles, float32(q))
		}
		c.means = append(c.means, float32(r.mean()))
	}
}

// repeat takes the first number of replicas for one more.
func (c *Curve) repeat() {
	c.logs = append(c.logs, c.logs[:loads*delayNodes]...)
	c.quantiles = append(c.quantiles, c.quantiles[:loads*len(levels)]...)
	c.means = append(c.means, c.means[:loads]...)
}

// straighten makes the tables monotone, where approximations meet: growing with
// load and delay, falling with replicas.
func (c *Curve) straighten() {
	for _, table := range []struct {
		values []float32
		width  int
		inner  bool // grows along its last index too
	}{{c.logs, delayNodes, true}, {c.quantiles, len(levels), true}, {c.means, 1, false}} {
		row := loads * table.width
		for i := range table.values {
			v := &table.values[i]
			if i >= row {
				*v = min(*v, table.values[i-row])
			}
			if i%row >= table.width {
				*v = max(*v, table.values[i-table.width])
			}
			if table.inner && i%table.width > 0 {
				*v = max(*v, table.values[i-1])
			}
		}
	}
}
