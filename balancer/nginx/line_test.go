package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/latency"
)

func TestLinesOfTheLog(t *testing.T) {
	for _, tc := range []struct {
		text string
		want line
	}{
		{`1795371990.865 0.003 200 "127.0.0.1:19001" "200"`, line{0.003, 200, []attempt{{"127.0.0.1:19001", false}}}},
		{`1795371990.865 1.500 200 "127.0.0.1:1, [::1]:2" "502, 200"`, line{1.5, 200, []attempt{{"127.0.0.1:1", true}, {"[::1]:2", false}}}},
		{`1795371990.865 0.100 504 "127.0.0.1:1 : 127.0.0.1:2" "- : 504"`, line{0.1, 504, []attempt{{"127.0.0.1:1", true}, {"127.0.0.1:2", true}}}},
		{`1795371990.865 0.000 429 "-" "-"`, line{0, 429, nil}},
		{`1795371990.865 0.000 502 "app" "502"`, line{0, 502, []attempt{{"app", true}}}},
	} {
		got, err := parse([]byte(tc.text))
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(line{}, attempt{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.text, diff)
		}
	}
	for _, text := range []string{"", "1 2 3", `1 x 200 "a" "b"`, `1 -1 200 "a" "b"`, `1 NaN 200 "a" "b"`, `1 1 200 a b`, `127.0.0.1 - - [22/Nov/2026] "GET / HTTP/1.1" 200`} {
		if got, err := parse([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func TestAddressesOfConnections(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
		"00000000000000000000000001000000:01BB": "[::1]:443",
	} {
		if got, ok := peer(text); !ok || got.String() != want {
			t.Errorf("%s: got %v, want %s", text, got, want)
		}
	}
	if got, ok := peer("zz"); ok {
		t.Errorf("got %v of nothing", got)
	}
}

// Whatever comes as a line is read or refused.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`1795371990.865 1.500 200 "127.0.0.1:1, [::1]:2" "502, 200"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		one, err := parse(text)
		if err == nil && !(one.seconds >= 0 && one.seconds < 1e9) {
			t.Errorf("%q took %v s", text, one.seconds)
		}
		_, _ = readStatus(string(text))
	})
}

// A log that is moved away and begun anew, cut short, and written in pieces:
// each line is read once.
func TestAFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	var got []string
	f := &follower{path: path, take: func(text []byte) { got = append(got, string(text)) }}
	defer f.close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		must(err)
		_, err = file.WriteString(text)
		must(err)
		file.Close()
	}
	must(f.look(true)) // not there yet
	write("before\n")
	f.close()
	must(f.look(true)) // what was there is not ours
	write("one\ntw")
	must(f.look(false))
	write("o\n")
	must(f.look(false))
	write("three\n")
	must(os.Rename(path, path+".1"))
	must(f.look(false))
	write("four\n")
	must(f.look(false))
	must(os.Truncate(path, 0))
	must(f.look(false))
	write("five\n")
	must(f.look(false))
	if want := []string{"one", "two", "three", "four", "five"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func answer(requests, inProgress int) string {
	return fmt.Sprintf("Active connections: 9 \nserver accepts handled requests\n 1 1 %d \nReading: 0 Writing: %d Waiting: 3 \n", requests, inProgress)
}

// Of 1000 requests 900 lines came. What stub_status knows is taken from it; an
// error in the log stands for 1000/900 of them, shares stay.
func TestWhatUDPLostIsMadeUpFor(t *testing.T) {
	began := time.Unix(1000, 0)
	tally := newStatusTally(Default(), began)
	for i, text := range []string{answer(50, 1), answer(50+501, 6), answer(50+1007, 6)} {
		s, err := readStatus(text)
		if err != nil {
			t.Fatal(err)
		}
		tally.note(began.Add(time.Duration(i)*time.Second), s, nil)
	}
	w := latency.NewWindow(10*time.Second, began)
	w.Add(began.Add(time.Second), latency.Counts{Arrived: 900, Ended: 900, Failed: 90, NotGood: 180})
	r, lost := tally.complete(w.Read(began.Add(2 * time.Second)))
	if r.Arrived != 1005 || r.Ended != 1000 || r.Failed != 100 || r.NotGood != 200 {
		t.Errorf("got %+v, want 1005 that came, 1000 that ended, 100 failed, 200 not good", r.Counts)
	}
	if r.Busy != 7500*time.Millisecond { // 0 to 5 in the first second, 5 in the second
		t.Errorf("in progress %v, want 7.5 request-seconds", r.Busy)
	}
	if lost < 1.11 || lost > 1.112 {
		t.Errorf("each line stands for %v, want 1000/900", lost)
	}
}

func TestNginxStartedAnewCountsFromZero(t *testing.T) {
	began := time.Unix(1000, 0)
	tally := newStatusTally(Default(), began)
	tally.note(began, status{requests: 1_000_000, inProgress: 1}, nil)
	tally.note(began.Add(time.Second), status{requests: 11, inProgress: 1}, nil)
	if got := tally.window.Read(began.Add(time.Second)).Arrived; got != 10 {
		t.Errorf("got %d, want the 10 that are not ours", got)
	}
}
