package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
)

// patience is how long a test waits for what should take a moment: the
// machine may be busy with other things.
const patience = 30 * time.Second

// place is where one test works: a folder of its own with a program of its
// own, so that whatever the test leaves behind is known by the program's path
// or by the mark of the folder.
type place struct {
	t       *testing.T
	dir     string
	program string
	disk    string // file system of the state folder; empty: that of dir
}

// newPlace also sees to it that no process of the test outlives it.
func newPlace(t *testing.T) *place {
	t.Helper()
	testenv.Long(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, dir: dir, program: filepath.Join(dir, "flyball")}
	if err := os.Link(os.Getenv(builtProgram), p.program); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{p.state(), p.scratch()} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		p.nothingLeft()
		p.noRaces()
	})
	return p
}

// noRaces fails the test when a program that was built to look for races
// found one.
func (p *place) noRaces() {
	p.t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".log" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), dataRace) {
			p.t.Errorf("%s:\n%s", path, text)
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
}

// dataRace is what the race detector says.
const dataRace = "WARNING: DATA RACE"

// state is the state directory of the test's controllers.
func (p *place) state() string { return filepath.Join(cmp.Or(p.disk, p.dir), "state") }

// scratch is where the test's programs keep temporary files.
func (p *place) scratch() string { return filepath.Join(p.dir, "tmp") }

// write makes or replaces a file of the folder, never to be seen half
// written, and returns its path.
func (p *place) write(name, content string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	fresh := filepath.Join(p.dir, "fresh")
	if err := errors.Join(os.WriteFile(fresh, []byte(content), 0o644), os.Rename(fresh, path)); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// remove removes a file of the folder.
func (p *place) remove(name string) {
	p.t.Helper()
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

// nothingLeft fails the test when a process of it is still there, and ends
// that.
func (p *place) nothingLeft() {
	p.t.Helper()
	left := p.processes()
	for deadline := clock.System.Now().Add(5 * time.Second); len(left) > 0 && clock.System.Now().Before(deadline); {
		<-clock.System.After(20 * time.Millisecond)
		left = p.processes()
	}
	for _, found := range left {
		p.t.Errorf("left behind: process %d (parent %d, replica %q): %s", found.pid, found.parent, found.replica, found.command)
		syscall.Kill(found.pid, syscall.SIGKILL)
	}
}

// running is a live process of the test.
type running struct {
	pid, parent int
	command     string
	owner       string // the mark of a replica; empty: it is none
	replica     string
}

// processes lists the test's live processes: those that run its program or
// carry the mark of its folder.
func (p *place) processes() []running {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		p.t.Fatal(err)
	}
	var found []running
	for _, folder := range folders {
		if r, ok := p.look(folder); ok {
			found = append(found, r)
		}
	}
	return found
}

// look reads one process; false when it is not the test's, or is gone.
func (p *place) look(folder string) (running, bool) {
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(folder, name)) // empty: it has ended
		return string(text)
	}
	pid, err := strconv.Atoi(filepath.Base(folder))
	if err != nil {
		p.t.Fatal(err)
	}
	r := running{pid: pid, command: strings.TrimSpace(strings.ReplaceAll(read("cmdline"), "\x00", " "))}
	for entry := range strings.SplitSeq(read("environ"), "\x00") {
		switch key, value, _ := strings.Cut(entry, "="); key {
		case "FLYBALL_OWNER":
			r.owner = value
		case "FLYBALL_REPLICA":
			r.replica = value
		}
	}
	stat := read("stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return running{}, false
	}
	r.parent, _ = strconv.Atoi(fields[1])
	program, _ := os.Readlink(filepath.Join(folder, "exe"))
	ours := strings.HasPrefix(r.owner, p.state()+"/") || program == p.program || strings.Contains(r.command, p.program)
	return r, ours
}

// replicas are the processes of one autoscaler's replicas, by their name; more
// than one of a name is a fault.
func (p *place) replicas(name string) map[string]int {
	p.t.Helper()
	pids := map[string]int{}
	for _, r := range p.processes() {
		if r.owner != filepath.Join(p.state(), name) {
			continue
		}
		if other, double := pids[r.replica]; double {
			p.t.Errorf("replica %s is two processes: %d and %d", r.replica, other, r.pid)
		}
		pids[r.replica] = r.pid
	}
	return pids
}

// eventually waits until the condition holds; detail says what is instead.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool, detail func() string) {
	t.Helper()
	start := clock.System.Now()
	for !holds() {
		if clock.System.Now().Sub(start) > within {
			t.Fatalf("waited %v in vain until %s; %s", within, what, detail())
		}
		<-clock.System.After(20 * time.Millisecond)
	}
}

// sprint is a detail for eventually.
func sprint[T any](value func() T) func() string {
	return func() string { return fmt.Sprintf("it is %+v", value()) }
}
