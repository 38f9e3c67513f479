package process

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatIsReadBehindAnyCommandName(t *testing.T) {
	const rest = " S 10 20 20 0 -1 4194560 1 2 3 4 300 45 600 78 20 0 1 0 98765 1000000 321 18446744073709551615 1 1\n"
	want := stat{state: 'S', parent: 10, group: 20, own: 345, reaped: 678, start: "98765", rss: 321}
	for _, command := range []string{"(web)", "()", "(a b)", "(a) R 1 2 (b)", "((()", "()))", "(a\nb)", "(\xff)"} {
		got, err := parseStat([]byte("42 " + command + rest))
		if err != nil {
			t.Errorf("%q: %v", command, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(stat{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", command, diff)
		}
	}
}

func TestStatThatIsNoneIsRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"empty":        "",
		"cut off":      "42 (web) S 10 20 20 0 -1",
		"no command":   "42 web",
		"not a number": "42 (web) S 10 x 20 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000000 321",
		"too large":    "42 (web) S 10 20 20 0 -1 0 1 2 3 4 99999999999999999999 6 7 8 20 0 1 0 98765 1000000 321",
	} {
		if got, err := parseStat([]byte(raw)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) b) S 10 20 20 0 -1 4194560 1 2 3 4 300 45 600 78 20 0 1 0 98765 1000000 321 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseStat(raw)
		if err != nil {
			return
		}
		if got.state == 0 || got.start == "" {
			t.Errorf("%q: %+v", raw, got)
		}
		// What comes before the last bracket does not matter.
		behind := raw[bytes.LastIndexByte(raw, ')')+1:]
		if again, err := parseStat(append([]byte("1 (x) S 1 2 ("+"y)"), behind...)); err != nil || again != got {
			t.Errorf("%q: %+v, behind another name %+v, %v", raw, got, again, err)
		}
	})
}

func TestUsedTimeIsCountedOnce(t *testing.T) {
	leader, child, other := processID{1, "1"}, processID{2, "2"}, processID{3, "3"}
	for _, test := range []struct {
		rule  string
		looks []table
		want  int64 // ticks after all looks
	}{
		{"what was used before the first look does not count",
			[]table{{leader: {own: 500, reaped: 70}}}, 0},
		{"all that live count",
			[]table{{leader: {own: 5}, child: {own: 100}}, {leader: {own: 6}, child: {own: 130}}}, 31},
		{"a new child counts from its start",
			[]table{{leader: {own: 5}}, {leader: {own: 5}, child: {own: 20}}}, 20},
		{"a child that was waited for counts what it used since the last look",
			[]table{{leader: {own: 5}, child: {own: 100}}, {leader: {own: 5, reaped: 130}}}, 30},
		{"a child that came and went between two looks counts",
			[]table{{leader: {own: 5}}, {leader: {own: 6, reaped: 40}}}, 41},
		{"grandchildren come with the child that waited for them",
			[]table{{leader: {}, child: {own: 3}, other: {own: 50}}, {leader: {}, child: {own: 3, reaped: 60}}, {leader: {reaped: 65}}}, 12},
		{"a child nobody waits for is lost, the living count",
			[]table{{leader: {own: 5}, child: {own: 100}}, {leader: {own: 9}}}, 4},
		{"a child that vanished before its parent was read does not come back as new time",
			[]table{{leader: {own: 5}, child: {own: 100}}, {leader: {own: 9}}, {leader: {own: 10, reaped: 110}}}, 15},
		{"what is lost is forgotten after one look",
			[]table{{leader: {own: 5}, child: {own: 100}}, {leader: {own: 5}}, {leader: {own: 6}}, {leader: {own: 6, reaped: 50}}}, 51},
		{"another process with the number of one that is gone starts from nothing",
			[]table{{leader: {}, child: {own: 100}}, {leader: {reaped: 100}, processID{2, "9"}: {own: 7}}}, 7},
	} {
		t.Run(test.rule, func(t *testing.T) {
			tally := tally{seen: test.looks[0]}
			for _, look := range test.looks {
				tally.grow(look)
			}
			if tally.ticks != test.want {
				t.Errorf("got %d ticks, want %d", tally.ticks, test.want)
			}
		})
	}
}

func TestProcessesBelongToTheirGroupElseToTheirParents(t *testing.T) {
	all := map[int]stat{
		10: {parent: 1, group: 10}, 11: {parent: 10, group: 10}, 12: {parent: 1, group: 10}, // left by its parent
		13: {parent: 11, group: 13}, 14: {parent: 13, group: 13}, // a session of its own
		20: {parent: 10, group: 20}, // another replica
		30: {parent: 1, group: 30}, 31: {parent: 99, group: 30},
		40: {parent: 41, group: 40}, 41: {parent: 40, group: 40}, // cannot be, and must not hang
	}
	leaders := map[int]bool{10: true, 20: true}
	for pid, want := range map[int]int{10: 10, 11: 10, 12: 10, 13: 10, 14: 10, 20: 20, 30: 0, 31: 0, 40: 0, 41: 0} {
		if got := leaderOf(pid, all, leaders); got != want {
			t.Errorf("process %d: got leader %d, want %d", pid, got, want)
		}
	}
	if got := len(familiesOf(all, leaders)[10]); got != 5 {
		t.Errorf("the family of 10 has %d members, want 5", got)
	}
}

// fakeProc is a table of processes with one leader.
func fakeProc(t *testing.T, line string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/42", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/42/stat", []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLeadersAreReadOrItIsAnError(t *testing.T) {
	const line = "42 (web) S 1 42 42 0 -1 0 1 2 3 4 300 45 600 78 20 0 1 0 98765 1000000 2"
	replica := func(start string) map[string]subject {
		return map[string]subject{"web-1": {pid: 42, identity: "boot/" + start}}
	}
	s := sampler{procfs: fakeProc(t, line)}
	got, err := s.read(at(0), replica("98765"))
	if want := (reading{at: at(0), rss: 2 * float64(os.Getpagesize())}); err != nil || got["web-1"] != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := s.read(at(1), replica("8765")); err != nil || len(got) != 0 {
		t.Errorf("another process with its number: got %+v, %v; want no reading", got, err)
	}
	if err := os.RemoveAll(s.procfs + "/42"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.read(at(2), replica("98765")); err != nil || len(got) != 0 {
		t.Errorf("one that has ended: got %+v, %v; want no reading", got, err)
	}
	for fault, procfs := range map[string]string{"cut off": fakeProc(t, "42 (web) S 1"), "no such directory": s.procfs + "/none"} {
		s := sampler{procfs: procfs}
		if got, err := s.read(at(0), replica("98765")); err == nil || !strings.Contains(err.Error(), procfs) {
			t.Errorf("%s: got %+v, %v; want an error that names the file", fault, got, err)
		}
	}
	if got, err := (&sampler{procfs: "/none"}).read(at(0), nil); err != nil || len(got) != 0 {
		t.Errorf("nobody to read: got %+v, %v", got, err)
	}
}

func BenchmarkReadProcesses(b *testing.B) {
	pid := os.Getpid()
	own, err := identity(pid)
	if err != nil {
		b.Fatal(err)
	}
	s := sampler{procfs: "/proc"}
	subjects := map[string]subject{"self": {pid: pid, identity: own}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.read(at(0), subjects); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(pids())), "processes")
}
