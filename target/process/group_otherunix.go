//go:build unix && !linux

package process

import "syscall"

// groupLeader makes a child the leader of a group of its own. Only Linux and
// Windows can tie it to the life of its parent.
func groupLeader(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// group is the processes of a replica: all that have its first process as
// the leader of their process group.
type group struct{ pid int }

func newGroup(pid int, _ string, _ bool) (group, error) { return group{pid}, nil }

func adoptGroup(pid int, _ string) group { return group{pid} }

func (g group) terminate() error { return terminateGroup(g.pid) }
func (g group) kill()            { killGroup(g.pid) }
func (g group) empty() bool      { return groupGone(g.pid) }
func (g group) close()           {}
