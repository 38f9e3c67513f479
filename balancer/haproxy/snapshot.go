package haproxy

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// snapshot is what HAProxy said of itself at one moment.
type snapshot struct {
	at     time.Time
	pid    int    // another one after a restart or reload
	total  counts // of the whole backend
	slots  []slot // sorted by name, shorter names first
	hist   buckets
	noHist error // why there is no histogram
}

// slot is one server of the backend.
type slot struct {
	name    string
	address netip.AddrPort
	maint   bool // out of use
	drain   bool // gets nothing new
	up      bool // as its health check says
	counts
}

// counts are those of a server or of the backend since HAProxy started.
type counts struct {
	inProgress       int
	arrived          uint64
	answered, failed uint64 // of answered 5xx
	refused, broken  uint64 // connections that did not come about, answers broken off
}

// look asks HAProxy for everything that is decided upon, in one go.
func (p *Plane) look(ctx context.Context) (snapshot, error) {
	name := table(p.cfg.Backend, p.cfg.Threshold)
	answer, err := p.socket.ask(ctx, fmt.Sprintf("show info;show servers state %s;show stat %[1]s 6 -1;show table %s", p.cfg.Backend, name))
	if err != nil {
		return snapshot{}, err
	}
	parts := strings.Split(strings.TrimSuffix(answer, "\n\n"), "\n\n")
	if len(parts) != 4 {
		return snapshot{}, fmt.Errorf("HAProxy answered with %d of 4 parts: %.200q", len(parts), answer)
	}
	s := snapshot{at: p.clk.Now()}
	if s.pid, err = pidOf(parts[0]); err != nil {
		return snapshot{}, err
	}
	if s.slots, err = slotsOf(parts[1]); err != nil {
		return snapshot{}, fmt.Errorf("servers of %s: %w", p.cfg.Backend, err)
	}
	if err := s.readStat(parts[2]); err != nil {
		return snapshot{}, fmt.Errorf("statistics of %s: %w", p.cfg.Backend, err)
	}
	if s.hist, s.noHist = histOf(parts[3], p.edges); s.noHist != nil {
		s.noHist = fmt.Errorf("table %s: %w", name, s.noHist)
	}
	return s, nil
}

func pidOf(info string) (int, error) {
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(line, "Pid: "); ok {
			return strconv.Atoi(strings.TrimSpace(text))
		}
	}
	return 0, errors.New("HAProxy does not say its Pid")
}

// Bits of srv_admin_state in "show servers state" (HAProxy's management
// guide): out of use by command, with a server it tracks, or without an
// address of its name; draining by command. 0x04 only says that it began
// disabled.
const (
	maintBits = 0x01 | 0x02 | 0x20
	drainBit  = 0x08
)

// slotsOf reads "show servers state": a version, the names of the columns and
// a line per server.
func slotsOf(text string) ([]slot, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) < 2 || lines[0] != "1" {
		return nil, fmt.Errorf("%.200s", text)
	}
	names, column := strings.Fields(strings.TrimPrefix(lines[1], "# ")), map[string]int{}
	for i, name := range names {
		column[name] = i
	}
	for _, name := range []string{"srv_name", "srv_addr", "srv_port", "srv_admin_state"} {
		if _, there := column[name]; !there {
			return nil, fmt.Errorf("no column %s: %.200s", name, text)
		}
	}
	var out []slot
	for _, line := range lines[2:] {
		fields := strings.Fields(line)
		if len(fields) < len(names) {
			return nil, fmt.Errorf("line %q has %d fields of %d", line, len(fields), len(names))
		}
		at := func(name string) string { return fields[column[name]] }
		admin, err := strconv.Atoi(at("srv_admin_state"))
		if err != nil {
			return nil, err
		}
		address, _ := netip.ParseAddrPort(hostPort(at("srv_addr"), at("srv_port"))) // of a name that is not resolved there is none
		out = append(out, slot{name: at("srv_name"), address: address, maint: admin&maintBits != 0, drain: admin&drainBit != 0})
	}
	slices.SortFunc(out, func(a, b slot) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return out, nil
}

func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// readStat reads "show stat": names of columns, then a line per server and one
// of the whole backend.
func (s *snapshot) readStat(text string) error {
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# "))).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) < 2 || len(rows[0]) < 10 {
		return fmt.Errorf("there are none (does a frontend have the same name?): %.100s", text)
	}
	for _, row := range rows[1:] {
		column := map[string]string{}
		for i, name := range rows[0] {
			column[name] = row[i]
		}
		if column["svname"] == "BACKEND" {
			s.total = countsOf(column)
			continue
		}
		if i := slices.IndexFunc(s.slots, func(one slot) bool { return one.name == column["svname"] }); i >= 0 {
			s.slots[i].counts = countsOf(column)
			s.slots[i].up = strings.HasPrefix(column["status"], "UP") || column["status"] == "no check"
		}
	}
	return nil
}

// countsOf reads one line of statistics; what is not there is 0.
func countsOf(column map[string]string) counts {
	number := func(name string) uint64 {
		n, _ := strconv.ParseUint(column[name], 10, 64)
		return n
	}
	c := counts{inProgress: int(number("scur")), arrived: number("stot"), failed: number("hrsp_5xx"), refused: number("econ"), broken: number("eresp")}
	for _, class := range []string{"hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"} {
		c.answered += number(class)
	}
	return c
}

// histOf reads "show table": a heading and one entry. Before the first request
// there is none, and all counters are 0.
func histOf(text string, edges []int64) (buckets, error) {
	if !strings.HasPrefix(text, "# table:") {
		return buckets{}, errors.New(strings.TrimSpace(text))
	}
	gpc := make([]uint64, len(edges)+2)
	_, entry, found := strings.Cut(text, "\n")
	if !found {
		return newBuckets(edges, gpc)
	}
	gpc = gpc[:0]
	for _, field := range strings.Fields(entry) {
		if _, value, ok := strings.Cut(field, "="); ok && strings.HasPrefix(field, "gpc") {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return buckets{}, err
			}
			gpc = append(gpc, n)
		}
	}
	return newBuckets(edges, gpc)
}

// since is what was counted after before; a fall means a new beginning.
func (c counts) since(before counts) counts {
	return counts{
		inProgress: c.inProgress, arrived: risen(before.arrived, c.arrived), answered: risen(before.answered, c.answered),
		failed: risen(before.failed, c.failed), refused: risen(before.refused, c.refused), broken: risen(before.broken, c.broken),
	}
}
