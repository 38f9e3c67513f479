package process

import (
	"github.com/flyball-io/flyball/scale"
)

// load reads what should be and finds what is.
func (e *engine) load() error {
	st, found, err := e.store.read()
	if err != nil {
		return err
	}
	e.adopt(st.Replicas)
	e.desired = st.Desired
	if !found {
		e.desired = len(e.replicas)
	}
	e.store.loaded = true
	return nil
}

// save writes down what should be and what is.
func (e *engine) save() error {
	st := state{Desired: e.desired}
	for _, id := range sortedIDs(e.replicas) {
		r := e.replicas[id]
		st.Replicas = append(st.Replicas, record{
			ID: r.id, PID: r.leader.pid, Identity: r.leader.identity, Port: r.port,
			Config: r.config, StartedAt: r.startedAt, DeletedAt: r.deletedAt, Restarts: r.restarts,
		})
	}
	return e.store.write(st)
}

// adopt makes every replica that runs and is not known one of ours again, and
// ends processes that replicas left behind.
func (e *engine) adopt(records []record) {
	known := map[string]record{}
	for _, r := range records {
		known[r.ID] = r
	}
	for _, m := range findLeaders(e.owner, known) {
		if e.replicas[m.replica] != nil {
			continue
		}
		l, ok := adoptLeader(m.pid, m.identity)
		if !ok {
			continue
		}
		now := e.clock.Now()
		r := &replica{
			id: m.replica, port: m.port, config: m.config, leader: l, adopted: true,
			startedAt: now, seenAt: now, exited: make(chan struct{}), readiness: scale.Readiness{},
		}
		if rec, ok := known[r.id]; ok {
			r.startedAt, r.deletedAt, r.restarts = rec.StartedAt, rec.DeletedAt, rec.Restarts
		}
		e.replicas[r.id] = r
		e.dirty = true
		e.log.Info("replica adopted", "replica", r.id, "pid", l.pid, "port", r.port)
	}
}
