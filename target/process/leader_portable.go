//go:build !linux

package process

import (
	"context"
	"os/exec"
	"time"
)

// leader is the first process of a replica. Without a table of processes that
// shows marks, adoption rests on what was written down.
type leader struct {
	pid      int
	identity string
	group    group
	ended    chan struct{} // closed when a child has ended; nil when adopted
	status   exit          // valid once ended is closed
}

// newLeader is a child that has just been started.
func newLeader(cmd *exec.Cmd, dieWithController bool) (*leader, error) {
	l := &leader{pid: cmd.Process.Pid, ended: make(chan struct{})}
	var err error
	if l.identity, _, err = look(l.pid); err != nil {
		return nil, err
	}
	if l.group, err = newGroup(l.pid, l.identity, dieWithController); err != nil {
		return nil, err
	}
	go func() {
		defer close(l.ended)
		err := cmd.Wait()
		if cmd.ProcessState == nil {
			l.status = exit{text: err.Error()}
			return
		}
		l.status = exit{text: cmd.ProcessState.String(), success: cmd.ProcessState.Success()}
	}()
	return l, nil
}

// adoptLeader takes over a process, if it is still the one that was seen.
func adoptLeader(pid int, seen string) (*leader, bool) {
	// First held, then looked at: whoever is held keeps its number.
	l := &leader{pid: pid, identity: seen, group: adoptGroup(pid, seen)}
	if !l.alive() {
		l.close()
		return nil, false
	}
	return l, true
}

// await returns nil once the process has ended, or ctx's error.
func (l *leader) await(ctx context.Context) error {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-l.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if l.ended == nil && !l.alive() {
				return nil
			}
		}
	}
}

func (l *leader) alive() bool {
	select {
	case <-l.ended:
		return false
	default:
		return alive(l.pid, l.identity)
	}
}

// alive is true while the process exists and has not ended.
func alive(pid int, seen string) bool {
	now, dead, err := look(pid)
	return err == nil && !dead && now == seen
}

func (l *leader) terminate() error { return l.group.terminate() }
func (l *leader) kill()            { l.group.kill() }
func (l *leader) groupEmpty() bool { return l.group.empty() }
func (l *leader) close()           { l.group.close() }

// reap says how the process ended. It must have.
func (l *leader) reap() exit {
	if l.ended == nil {
		return exit{text: "exit status not known, an earlier controller started it"}
	}
	<-l.ended
	return l.status
}
