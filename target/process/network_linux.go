package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Linux counts the bytes of network interfaces, not those of processes: the
// sockets of a process tell theirs only while they are open. So the traffic of
// a replica is known when it has a network namespace of its own, and not
// otherwise.

// namespaces finds the network namespace that belongs to each family alone,
// with one of the processes in it. Who is in that of the controller, in
// several, or in one with others, has none.
func namespaces(procfs string, families map[int]table) map[int]namespace {
	own, err := os.Readlink(procfs + "/self/ns/net")
	if err != nil {
		return nil
	}
	found, users := map[int]namespace{}, map[string]int{}
	for leader, family := range families {
		in := map[string]int{}
		for id := range family {
			if name, err := os.Readlink(fmt.Sprintf("%s/%d/ns/net", procfs, id.pid)); err == nil && name != own {
				in[name] = id.pid
			}
		}
		for name, pid := range in {
			users[name]++
			if len(in) == 1 {
				found[leader] = namespace{name, pid}
			}
		}
	}
	for leader, n := range found {
		if users[n.name] > 1 {
			delete(found, leader)
		}
	}
	return found
}

type namespace struct {
	name string
	pid  int // a process in it
}

// networkTally adds up the traffic of a replica.
type networkTally struct {
	name  string
	seen  map[string]ioCount // by interface
	total moved
}

// read looks at the interfaces of the namespace once more.
func (n *networkTally) read(procfs string, in namespace) moved {
	raw, err := os.ReadFile(fmt.Sprintf("%s/%d/net/dev", procfs, in.pid))
	if in.pid == 0 || err != nil {
		n.seen = nil
		return moved{}
	}
	now, err := parseNetDev(raw)
	if err != nil {
		n.seen = nil
		return moved{}
	}
	if n.seen != nil && n.name == in.name {
		for device, count := range now {
			grown := count
			if before := n.seen[device]; count.covers(before) {
				grown = count.minus(before)
			} // else it was made anew and counts from 0
			n.total = n.total.plus(float64(grown.read), float64(grown.written))
		}
	}
	n.name, n.seen, n.total.known = in.name, now, true
	return n.total
}

// parseNetDev reads the bytes received and sent by each interface but the
// loopback.
func parseNetDev(raw []byte) (map[string]ioCount, error) {
	all := map[string]ioCount{}
	for line := range bytes.Lines(raw) {
		name, rest, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue // of the two lines of headings
		}
		const received, sent, columns = 0, 8, 16
		fields := bytes.Fields(rest)
		if len(fields) < columns {
			return nil, fmt.Errorf("interface %q has %d columns, want %d", bytes.TrimSpace(name), len(fields), columns)
		}
		in, errIn := strconv.ParseInt(string(fields[received]), 10, 64)
		out, errOut := strconv.ParseInt(string(fields[sent]), 10, 64)
		if errIn != nil || errOut != nil || in < 0 || out < 0 {
			return nil, fmt.Errorf("interface %q: want counts, got %q and %q", bytes.TrimSpace(name), fields[received], fields[sent])
		}
		if device := string(bytes.TrimSpace(name)); device != "lo" {
			all[device] = ioCount{in, out}
		}
	}
	return all, nil
}
