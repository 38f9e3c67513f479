package queueing

import (
	"fmt"
	"slices"
	"strings"
)

// Topology is how requests spread over the replicas.
type Topology int

// The topologies. LeastConn is the zero value: what a good balancer does.
const (
	LeastConn  Topology = iota // to the replica with the fewest in progress, among equals at random
	Central                    // one line for all; a slot that gets free takes the first of it
	Random                     // to any replica (service addresses of Kubernetes by iptables)
	RoundRobin                 // to one after the other (service addresses of Swarm)
	PowerOfTwo                 // to the better of two random replicas
)

var topologies = []string{LeastConn: "leastconn", Central: "central", Random: "random", RoundRobin: "roundrobin", PowerOfTwo: "p2c"}

// String is the name used in flags and files.
func (t Topology) String() string {
	if t < 0 || int(t) >= len(topologies) {
		return fmt.Sprintf("Topology(%d)", int(t))
	}
	return topologies[t]
}

// MarshalText is [Topology.String].
func (t Topology) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a name.
func (t *Topology) UnmarshalText(text []byte) error {
	at := slices.Index(topologies, string(text))
	if at < 0 {
		return fmt.Errorf("unknown topology %q: must be one of %s", text, strings.Join(topologies, ", "))
	}
	*t = Topology(at)
	return nil
}
