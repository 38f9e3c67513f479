package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// ioCount is how many bytes a process made the disks read and write, with
// those of the children it has waited for.
type ioCount struct{ read, written int64 }

func (c ioCount) minus(o ioCount) ioCount { return ioCount{c.read - o.read, c.written - o.written} }
func (c ioCount) covers(o ioCount) bool   { return c.read >= o.read && c.written >= o.written }

// readIO reads what the kernel says of a process. The file exists for the
// owner of the process and where the kernel counts.
func readIO(procfs string, pid int) (ioCount, error) {
	path := fmt.Sprintf("%s/%d/io", procfs, pid)
	raw, err := os.ReadFile(path)
	if err != nil {
		return ioCount{}, err
	}
	c, err := parseIO(raw)
	if err != nil {
		return ioCount{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parseIO reads the lines "read_bytes: 5" and "write_bytes: 6"; the others
// count what a cache or a pipe moved too.
func parseIO(raw []byte) (ioCount, error) {
	var c ioCount
	found := 0
	for line := range bytes.Lines(raw) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		var into *int64
		switch string(name) {
		case "read_bytes":
			into = &c.read
		case "write_bytes":
			into = &c.written
		default:
			continue
		}
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return ioCount{}, fmt.Errorf("%s is %q, want a count", name, value)
		}
		*into = n
		found++
	}
	if found != 2 {
		return ioCount{}, fmt.Errorf("%d of read_bytes and write_bytes, want both", found)
	}
	return c, nil
}

// diskTally adds up what the disks moved for a replica.
type diskTally struct {
	seen  map[processID]diskUser // nil: nothing to go on from
	debts map[processID]ioCount  // by parent, from the last look
	total moved
}

// diskUser is one process.
type diskUser struct {
	ioCount
	parent int
}

// read looks at the family once more and returns the total; it is not known
// where a process of the family may not be read.
func (d *diskTally) read(procfs string, family table) moved {
	now := make(map[processID]diskUser, len(family))
	for id, p := range family {
		c, err := readIO(procfs, id.pid)
		switch {
		case err == nil:
			now[id] = diskUser{c, p.parent}
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH):
			d.seen = nil
			return moved{}
		case !d.ended(procfs, id.pid):
			d.seen = nil // it is there, and the kernel does not count
			return moved{}
		}
	}
	d.grow(now)
	d.total.known = true
	return d.total
}

// ended reports whether a process is gone.
func (*diskTally) ended(procfs string, pid int) bool {
	_, err := os.Stat(fmt.Sprintf("%s/%d/stat", procfs, pid))
	return err != nil
}

// grow adds what was moved since the last look.
//
// The count of a process that has ended moves to the parent that waits for it,
// so what it had when it was last seen comes back as growth of the parent and
// is taken off there: a debt of the parent. It may be due one look later, when
// the parent was read just before it waited; after that nobody has waited.
func (d *diskTally) grow(now map[processID]diskUser) {
	before, due := d.seen, d.debts
	d.seen, d.debts = now, map[processID]ioCount{}
	if before == nil {
		return
	}
	fresh := map[int]ioCount{}
	for id, was := range before {
		if _, lives := now[id]; !lives {
			sum := fresh[was.parent]
			fresh[was.parent] = ioCount{sum.read + was.read, sum.written + was.written}
		}
	}
	for id, p := range now {
		grown := p.minus(before[id].ioCount)
		if old := due[id]; grown.covers(old) {
			grown = grown.minus(old)
		}
		if debt, owes := fresh[id.pid]; owes {
			if grown.covers(debt) {
				grown = grown.minus(debt)
			} else {
				d.debts[id] = debt
			}
		}
		d.total = d.total.plus(float64(max(grown.read, 0)), float64(max(grown.written, 0)))
	}
}
