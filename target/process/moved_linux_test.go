package process

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
)

func TestMovedBytesAreCountedOnce(t *testing.T) {
	leader, child, other := processID{1, "1"}, processID{2, "2"}, processID{3, "3"}
	use := func(written int64, parent int) diskUser { return diskUser{ioCount{0, written}, parent} }
	type look = map[processID]diskUser
	for _, test := range []struct {
		rule  string
		looks []look
		want  float64
	}{
		{"what was written before the first look does not count", []look{{leader: use(500, 0)}}, 0},
		{"all that live count", []look{{leader: use(5, 0), child: use(100, 1)}, {leader: use(6, 0), child: use(130, 1)}}, 31},
		{"a new child counts from its start", []look{{leader: use(5, 0)}, {leader: use(5, 0), child: use(20, 1)}}, 20},
		{"of a child that was waited for counts what is new",
			[]look{{leader: use(5, 0), child: use(100, 1)}, {leader: use(136, 0)}}, 31},
		{"a child that came and went between two looks counts", []look{{leader: use(5, 0)}, {leader: use(46, 0)}}, 41},
		{"a child nobody waits for is lost, the living count",
			[]look{{leader: use(5, 0), child: use(100, 1)}, {leader: use(9, 0)}, {leader: use(11, 0)}, {leader: use(211, 0)}}, 206},
		{"a child that vanished before its parent was read does not come back as new",
			[]look{{leader: use(5, 0), child: use(100, 1)}, {leader: use(9, 0)}, {leader: use(116, 0)}}, 11},
		{"grandchildren come with the child that waited for them",
			[]look{{leader: use(0, 0), child: use(3, 1), other: use(50, 2)}, {leader: use(0, 0), child: use(63, 1)}, {leader: use(65, 0)}}, 12},
		{"one whose parent is not of the family is lost",
			[]look{{leader: use(5, 0), other: use(100, 77)}, {leader: use(8, 0)}}, 3},
	} {
		t.Run(test.rule, func(t *testing.T) {
			d := diskTally{}
			for _, look := range test.looks {
				d.grow(look)
			}
			if d.total.out != test.want || d.total.in != 0 {
				t.Errorf("got %+v, want %v written", d.total, test.want)
			}
		})
	}
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0
  eth0:%d 2 0 0 0 0 0 0 %d 4 0 0 0 0 0 0
`

// namespacedProc is a table of processes: ours is in the namespace host.
func namespacedProc(t *testing.T, in map[int]string, received, sent int) string {
	t.Helper()
	dir := t.TempDir()
	link := func(who, name string) {
		for _, d := range []string{"ns", "net"} {
			if err := os.MkdirAll(filepath.Join(dir, who, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("net:["+name+"]", filepath.Join(dir, who, "ns", "net")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, who, "net", "dev"), fmt.Appendf(nil, netDev, received, sent), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link("self", "host")
	for pid, name := range in {
		link(fmt.Sprint(pid), name)
	}
	return dir
}

func TestTrafficIsKnownInANamespaceOfItsOwn(t *testing.T) {
	dir := namespacedProc(t, map[int]string{10: "host", 20: "host", 21: "a", 30: "b", 31: "c", 40: "d", 50: "d", 60: "e"}, 0, 0)
	families := map[int]table{}
	for leader, pids := range map[int][]int{10: {10}, 20: {20, 21}, 30: {30, 31}, 40: {40}, 50: {50}, 60: {60, 61}} {
		families[leader] = table{}
		for _, pid := range pids {
			families[leader][processID{pid, "1"}] = stat{}
		}
	}
	got := namespaces(dir, families)
	want := map[int]namespace{20: {"net:[a]", 21}, 60: {"net:[e]", 60}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(namespace{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := namespaces("/none", families); len(got) != 0 {
		t.Errorf("where nothing can be read: %v", got)
	}
}

func TestTrafficOfANamespace(t *testing.T) {
	n := networkTally{}
	for i, look := range []struct {
		name           string
		received, sent int
		want           moved
	}{
		{"a", 1000, 500, moved{true, 0, 0}},
		{"a", 1300, 510, moved{true, 300, 10}},
		{"a", 50, 5, moved{true, 350, 15}}, // the interface was made anew
		{"b", 9000, 9000, moved{true, 350, 15}},
	} {
		dir := namespacedProc(t, map[int]string{7: look.name}, look.received, look.sent)
		if got := n.read(dir, namespace{look.name, 7}); got != look.want {
			t.Errorf("look %d: got %+v, want %+v", i, got, look.want)
		}
	}
	if got := n.read("/none", namespace{"b", 7}); got.known {
		t.Errorf("gone: got %+v, want it not known", got)
	}
	if got := n.read("/proc", namespace{}); got.known {
		t.Errorf("without a namespace of its own: got %+v, want it not known", got)
	}
}

func TestCountsThatAreNoneAreRefused(t *testing.T) {
	for _, raw := range []string{"", "read_bytes: 1\n", "read_bytes: 1\nwrite_bytes: x\n", "read_bytes: -1\nwrite_bytes: 2\n"} {
		if got, err := parseIO([]byte(raw)); err == nil {
			t.Errorf("%q: got %+v, want an error", raw, got)
		}
	}
	if got, err := parseIO([]byte("rchar: 9\nread_bytes: 1\nwrite_bytes: 2\ncancelled_write_bytes: 1\n")); err != nil || got != (ioCount{1, 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, raw := range []string{"eth0: 1 2 3", "eth0: x 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0"} {
		if got, err := parseNetDev([]byte(raw)); err == nil {
			t.Errorf("%q: got %+v, want an error", raw, got)
		}
	}
}

// What cannot be read is left out, and no zero.
func TestDisksThatCannotBeReadAreLeftOut(t *testing.T) {
	dir := fakeProc(t, "42 (web) S 1 42 42 0 -1")
	family := table{processID{42, "1"}: stat{}}
	d := diskTally{}
	if got := d.read(dir, family); got.known {
		t.Errorf("a kernel that does not count: got %+v", got)
	}
	write := func(text string) {
		if err := os.WriteFile(dir+"/42/io", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("read_bytes: 100\nwrite_bytes: 10\n")
	d.read(dir, family)
	write("read_bytes: 150\nwrite_bytes: 11\n")
	if got, want := d.read(dir, family), (moved{true, 50, 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	write("garbage")
	if got := d.read(dir, family); got.known {
		t.Errorf("garbage: got %+v", got)
	}
}

func TestMovedBytesOfATargetAreTheSum(t *testing.T) {
	read := func(m *meter, second int, a, b moved) {
		readings := map[string]reading{"a": {at: at(second), disk: a}}
		if second >= 2 { // b was there later
			readings["b"] = reading{at: at(second), disk: b}
		}
		m.add(readings)
	}
	m := newMeter()
	m.follow(Default(), map[string]subject{"a": {since: at(0)}, "b": {since: at(2)}})
	values := func() map[string]float64 {
		samples, err := m.samples(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]float64{}
		for _, s := range samples {
			if s.Signal == scale.DiskReadRate || s.Signal == scale.DiskWriteRate {
				all[s.Signal+" "+s.Replica] = s.Value
			}
		}
		return all
	}
	expect := func(why string, want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, values()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", why, diff)
		}
	}
	read(m, 1, moved{true, 0, 0}, moved{})
	read(m, 2, moved{true, 100, 10}, moved{true, 0, 0})
	expect("b has no rate yet, so the sum would be too small", map[string]float64{"diskReadRate a": 100, "diskWriteRate a": 10})
	read(m, 3, moved{true, 200, 20}, moved{true, 50, 5})
	expect("both", map[string]float64{"diskReadRate a": 100, "diskWriteRate a": 10, "diskReadRate b": 50, "diskWriteRate b": 5,
		"diskReadRate ": 150, "diskWriteRate ": 15})
	read(m, 4, moved{true, 300, 30}, moved{})
	expect("b cannot be read", map[string]float64{"diskReadRate a": 100, "diskWriteRate a": 10})
}

func FuzzParseCounts(f *testing.F) {
	f.Add([]byte("read_bytes: 1\nwrite_bytes: 2\n"))
	f.Add(fmt.Appendf(nil, netDev, 1, 2))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := parseIO(raw); err == nil && !c.covers(ioCount{}) {
			t.Errorf("%q: %+v", raw, c)
		}
		all, _ := parseNetDev(raw)
		for name, c := range all {
			if name == "lo" || !c.covers(ioCount{}) {
				t.Errorf("%q: %s %+v", raw, name, c)
			}
		}
	})
}
