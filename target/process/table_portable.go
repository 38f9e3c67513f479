//go:build !linux

package process

// marked is a process that was found to belong to a replica.
type marked struct {
	pid      int
	identity string
	replica  string
	config   string
	port     int
}

// findLeaders lists the replicas that were written down and still run.
func findLeaders(_ string, known map[string]record) map[string]marked {
	leaders := map[string]marked{}
	for id, r := range known {
		if alive(r.PID, r.Identity) {
			leaders[id] = marked{pid: r.PID, identity: r.Identity, replica: id, config: r.Config, port: r.Port}
		}
	}
	return leaders
}

// scanMarked finds nothing: marks cannot be read on this system.
func scanMarked() []marked { return nil }

// killMarked finds nothing to end: marks cannot be read on this system.
func killMarked(_ string, _ func(replica string) bool) int { return 0 }
