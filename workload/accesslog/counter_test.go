package accesslog_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/workload/accesslog"
)

// logged is a line of a request n seconds into an afternoon.
func logged(n int, rest string) string {
	at := time.Date(2026, 10, 10, 13, 0, n, 0, time.UTC)
	return "203.0.113.7 - - [" + at.Format("02/Jan/2006:15:04:05 -0700") + "] " + rest + "\n"
}

const plain = `"GET / HTTP/1.1" 200 1`

func counter(t testing.TB, o accesslog.Options) *accesslog.Counter {
	t.Helper()
	c, err := accesslog.NewCounter(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rows is what a counter hands over: "second:requests per second".
func rows(t *testing.T, c *accesslog.Counter) string {
	t.Helper()
	all := []string{}
	err := c.Rows(func(at time.Duration, rps float64) error {
		all = append(all, fmt.Sprintf("%v:%v", at.Seconds(), rps))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestRequestsAreCountedWhereTheyBelong(t *testing.T) {
	log := logged(7, plain) + logged(7, plain) + logged(9, plain) + logged(8, plain) + logged(14, plain) + logged(38, plain)
	for _, tc := range []struct {
		rule    string
		options accesslog.Options
		want    string
	}{
		{"by the second, from the first request on", accesslog.Options{Step: time.Second}, "0:2 1:1 2:1 3:0 4:0 5:0 6:0 7:1" + zeros(8, 31) + " 31:1"},
		{"bins lie as clocks show them", accesslog.Options{Step: 10 * time.Second}, "0:0.4 10:0.1 20:0 30:0.1"},
		{"a short one is not, even then", accesslog.Options{Step: 10 * time.Second, Silence: 20 * time.Second}, "0:0.4 10:0.1 20:0 30:0.1"},
		{"a long silence is left out when asked for", accesslog.Options{Step: 5 * time.Second, Silence: 20 * time.Second}, "0:0.8 5:0.2 30:0.2"},
		{"a part of the time", accesslog.Options{Step: time.Second, From: time.Date(2026, 10, 10, 13, 0, 8, 0, time.UTC), To: time.Date(2026, 10, 10, 13, 0, 14, 0, time.UTC)}, "0:1 1:1"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c := counter(t, tc.options)
			if err := c.Read("a.log", strings.NewReader(log)); err != nil {
				t.Fatal(err)
			}
			if got := rows(t, c); got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
			if got := c.Stats(); got.Disordered != 1 || got.StepBack != 1 {
				t.Errorf("got %d lines out of order by up to %d s, want 1 by 1 s", got.Disordered, got.StepBack)
			}
		})
	}
}

func zeros(from, to int) string {
	out := &strings.Builder{}
	for i := from; i < to; i++ {
		fmt.Fprintf(out, " %d:0", i)
	}
	return out.String()
}

func TestFiltersChooseRequests(t *testing.T) {
	log := logged(0, `"GET /shop/1 HTTP/1.1" 200 1`) + logged(0, `"GET /shop/2 HTTP/1.1" 502 1`) + logged(0, `"GET /healthz HTTP/1.1" 200 1`) + logged(0, `"" 400 1`)
	shop, health := regexp.MustCompile("^/shop/"), regexp.MustCompile("^/healthz")
	errors5, err := accesslog.ParseStatuses("5xx")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		options accesslog.Options
		want    int64
	}{
		{accesslog.Options{}, 4},
		{accesslog.Options{Match: shop}, 2},
		{accesslog.Options{Exclude: health}, 3},
		{accesslog.Options{Statuses: errors5}, 1},
		{accesslog.Options{Match: shop, Statuses: errors5}, 1},
		{accesslog.Options{Match: health, Statuses: errors5}, 0},
	} {
		tc.options.Step = time.Second
		c := counter(t, tc.options)
		if err := c.Read("a.log", strings.NewReader(log)); err != nil {
			t.Fatal(err)
		}
		if got := c.Stats(); got.Requests != tc.want || got.LeftOut != 4-tc.want || got.Lines != 4 {
			t.Errorf("%+v: got %+v, want %d requests of 4 lines", tc.options, got, tc.want)
		}
	}
}

// Rotated files come in any order, some of them packed.
func TestFilesInAnyOrderGiveTheSame(t *testing.T) {
	whole := &strings.Builder{}
	var parts []string
	for i := range 10 {
		part := strings.Repeat(logged(10*i, plain), i+1)
		parts = append(parts, part)
		whole.WriteString(part)
	}
	want := counter(t, accesslog.Options{Step: 10 * time.Second})
	if err := want.Read("all", strings.NewReader(whole.String())); err != nil {
		t.Fatal(err)
	}
	got := counter(t, accesslog.Options{Step: 10 * time.Second})
	for _, i := range []int{9, 3, 0, 5, 1, 2, 8, 7, 6, 4} {
		var in io.Reader = strings.NewReader(parts[i])
		if i%2 == 0 {
			in = bytes.NewReader(packed(t, parts[i]))
		}
		if err := got.Read(fmt.Sprint(i), in); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(rows(t, want), rows(t, got)); diff != "" {
		t.Errorf("-in order +in any order:\n%s", diff)
	}
	if stats := got.Stats(); stats.Disordered != 0 || stats.Files != 10 {
		t.Errorf("%+v: the order of files is not that of lines", stats)
	}
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	b := &bytes.Buffer{}
	w := gzip.NewWriter(b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestMalformedLinesAreCountedAndShown(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	log := logged(0, plain) + "nonsense\n" + "\n" + logged(1, plain)[:60] + "\r\n" + long + "\n" + logged(2, plain) + logged(3, `"GET /`+long+` HTTP/1.1" 200 1`) +
		"\x00\xff\x1b[31m\n" + "another\nand another\n" + logged(4, plain)[:40]
	c := counter(t, accesslog.Options{Step: time.Second})
	if err := c.Read("a.log", strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	got := c.Stats()
	if got.Lines != 10 || got.Requests != 2 || got.Malformed != 8 || len(got.Examples) != 5 {
		t.Fatalf("got %d lines, %d requests, %d malformed, %d shown; want 10, 2, 8, 5", got.Lines, got.Requests, got.Malformed, len(got.Examples))
	}
	for i, want := range []struct {
		line   int64
		reason string
	}{{2, "has no time"}, {4, "has no request"}, {5, "is longer than 262144 bytes"}, {7, "is longer than"}, {8, "has no time"}} {
		if e := got.Examples[i]; e.Line != want.line || !strings.HasPrefix(e.Reason, want.reason) || e.File != "a.log" || len([]rune(e.Text)) > 120 {
			t.Errorf("example %d: got %+v, want line %d that %s", i, e, want.line, want.reason)
		}
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	whole := packed(t, strings.Repeat(logged(0, plain), 5000))
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6] ^= 0xff
	for _, tc := range []struct {
		name, says string
		file       []byte
	}{
		{"cut-off gzip", "log x: after line ", whole[:len(whole)/2]},
		{"cut-off gzip", "the gzip file is cut off", whole[:len(whole)-3]},
		{"damaged gzip", "the gzip file is damaged", damaged},
		{"only the magic of gzip", "log x: after line 0: the gzip file is cut off", []byte("\x1f\x8b")},
	} {
		c := counter(t, accesslog.Options{Step: time.Second})
		if err := c.Read("x", bytes.NewReader(tc.file)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want it to say %q", tc.name, err, tc.says)
		}
	}
	c := counter(t, accesslog.Options{Step: time.Second})
	for _, empty := range []string{"", "\n\n", "nonsense\n"} {
		if err := c.Read("x", strings.NewReader(empty)); err != nil {
			t.Fatal(err)
		}
		if err := c.Rows(nil); !errors.Is(err, accesslog.ErrNothing) {
			t.Errorf("%q: got %v, want %v", empty, err, accesslog.ErrNothing)
		}
	}
	broken := errors.New("disk on fire")
	if err := c.Read("x", io.MultiReader(strings.NewReader(logged(0, plain)), failing{broken})); !errors.Is(err, broken) || !strings.Contains(err.Error(), "after line 1") {
		t.Errorf("got %v, want %v after line 1", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Two lines a century apart do not fill the memory.
func TestALogThatSpansTooMuchIsRefused(t *testing.T) {
	at := func(year int) string {
		return fmt.Sprintf("a - - [01/Jan/%d:00:00:00 +0000] %s\n", year, plain)
	}
	c := counter(t, accesslog.Options{Step: time.Second})
	if err := c.Read("x", strings.NewReader(at(1926)+at(2026))); err != nil {
		t.Fatal(err)
	}
	err := c.Rows(nil)
	if err == nil || !strings.Contains(err.Error(), "between 1926-01-01T00:00:00Z and 2026-01-01T00:00:00Z: at most 10000000 steps of 1s") {
		t.Errorf("got %v, want an error", err)
	}
	every := &strings.Builder{}
	for i := range 3000 {
		every.WriteString("a - - [" + time.Unix(int64(i)*4096, 0).UTC().Format("02/Jan/2006:15:04:05 -0700") + "] " + plain + "\n")
	}
	if err := counter(t, accesslog.Options{Step: time.Second}).Read("x", strings.NewReader(every.String())); err == nil || !strings.Contains(err.Error(), "log x line ") || !strings.Contains(err.Error(), "at most 10000000 steps") {
		t.Errorf("one line an hour for months: got %v, want an error", err)
	}
}

func TestNewCounterRefusesWhatMakesNoSense(t *testing.T) {
	noon := time.Date(2026, 10, 10, 12, 0, 0, 0, time.UTC)
	for says, o := range map[string]accesslog.Options{
		"step: must be whole seconds, at least 1s, got 0s":    {},
		"step: must be whole seconds, at least 1s, got 500ms": {Step: 500 * time.Millisecond},
		"step: must be whole seconds, at least 1s, got 1.5s":  {Step: 1500 * time.Millisecond},
		"silence: must be at least two steps (2s), got 1s":    {Step: time.Second, Silence: time.Second},
		"must end after it begins":                            {Step: time.Second, From: noon, To: noon},
	} {
		if _, err := accesslog.NewCounter(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: got %v, want it to say %q", o, err, says)
		}
	}
}

// endless is a log of a day in Combined format, made as it is read.
type endless struct {
	left, n int
	pending []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	for len(e.pending) < len(p) {
		e.pending = append(e.pending, logged(e.n/50%86400, `"GET /products/1234?ref=mail&page=2 HTTP/1.1" 200 23260 "https://shop.test/products" "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"`)...)
		e.n++
	}
	n := copy(p, e.pending)
	e.pending = e.pending[:copy(e.pending, e.pending[n:])]
	e.left -= n
	return n, nil
}

// Ten times the log takes the same memory.
func TestMemoryDoesNotGrowWithTheLog(t *testing.T) {
	inUse := func(size int) uint64 {
		c := counter(t, accesslog.Options{Step: time.Second})
		if err := c.Read("x", &endless{left: size}); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if stats := c.Stats(); stats.Malformed > 1 || stats.Requests < int64(size/250) {
			t.Fatalf("%+v", stats)
		}
		return m.HeapAlloc
	}
	small, large := inUse(2<<20), inUse(20<<20)
	if large > small+2<<20 {
		t.Errorf("in use after 2 MB: %d bytes, after 20 MB: %d", small, large)
	}
}

func BenchmarkRead(b *testing.B) {
	const size = 32 << 20
	log, err := io.ReadAll(&endless{left: size})
	if err != nil {
		b.Fatal(err)
	}
	for name, o := range map[string]accesslog.Options{
		"all":   {Step: time.Second},
		"match": {Step: time.Second, Match: regexp.MustCompile(`^/products/`)},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				if err := counter(b, o).Read("x", bytes.NewReader(log)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
