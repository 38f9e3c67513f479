package containers

import (
	"strings"

	"github.com/flyball-io/flyball/internal/docker"
)

// Index finds the container of a replica by the replica's ID, which is one of
//
//	the container's ID, whole or its first 12 digits or more
//	its name                            (targets docker and compose)
//	its name and a date after a dot     (target docker: a later start of it)
//	the ID of the Swarm task that it is (target swarm)
type Index struct {
	known map[string]string // container by whole name
	ids   []string
}

// shortID is how many digits people and engines use of an ID.
const shortID = 12

// NewIndex makes one of what runs.
func NewIndex(all []docker.Name) Index {
	x := Index{known: make(map[string]string, 3*len(all))}
	for _, n := range all {
		x.ids = append(x.ids, n.ID)
		for _, name := range []string{n.ID, n.Name, n.Task} {
			if name != "" {
				x.known[name] = n.ID
			}
		}
	}
	return x
}

// Container is the ID of the container of a replica; "" when it is not there.
func (x Index) Container(replica string) string {
	if id := x.known[replica]; id != "" {
		return id
	}
	if len(replica) >= shortID {
		for _, id := range x.ids {
			if strings.HasPrefix(id, replica) {
				return id
			}
		}
	}
	if at := strings.LastIndexByte(replica, '.'); at > 0 {
		return x.known[replica[:at]]
	}
	return ""
}
