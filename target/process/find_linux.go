package process

import "cmp"

// findLeaders lists the first process of each replica of this owner. Several
// processes of one replica may lead a group; the first is the one that was
// written down, else the one that started first.
func findLeaders(owner string, known map[string]record) map[string]marked {
	leaders := map[string]marked{}
	for _, m := range scanMarked() {
		if m.owner != owner || m.pid != m.group {
			continue
		}
		if other, ok := leaders[m.replica]; ok && !before(m, other, known[m.replica]) {
			continue
		}
		leaders[m.replica] = m
	}
	for id, r := range known {
		// A program may have overwritten its environment with its title.
		if _, ok := leaders[id]; !ok && alive(r.PID, r.Identity) {
			leaders[id] = marked{pid: r.PID, group: r.PID, identity: r.Identity, owner: owner, replica: id, config: r.Config, port: r.Port}
		}
	}
	return leaders
}

func before(a, b marked, written record) bool {
	if written.PID == a.pid || written.PID == b.pid {
		return written.PID == a.pid
	}
	// Start times of one boot: the shorter number is the smaller one.
	return cmp.Or(cmp.Compare(len(a.identity), len(b.identity)), cmp.Compare(a.identity, b.identity), cmp.Compare(a.pid, b.pid)) < 0
}
