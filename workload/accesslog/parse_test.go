package accesslog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/workload/accesslog"
)

func TestParseReadsTheUsualFormats(t *testing.T) {
	const at = "2026-10-10T11:55:36Z"
	for _, tc := range []struct {
		format, line, at string
		status           int
		target           string
	}{
		{"Common", `203.0.113.7 - ann [10/Oct/2026:13:55:36 +0200] "GET /a?b=c HTTP/1.1" 200 2326`, at, 200, "/a?b=c"},
		{"Combined", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "POST /a HTTP/2.0" 503 0 "https://x.test/" "Mozilla/5.0 (X11; \"odd\")"`, at, 503, "/a"},
		{"Combined with a virtual host", `shop.test:443 2001:db8::1 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 304 - "-" "-"`, at, 304, "/"},
		{"an IPv6 address in brackets", `[2001:db8::1]:443 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`, at, 200, "/"},
		{"brackets as wide as a time", `[2001:db8:aaaa:bbbb:cccc::1] - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`, at, 200, "/"},
		{"a user with spaces", `203.0.113.7 - ann of x [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`, at, 200, "/"},
		{"further fields, as Traefik adds", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1 "-" "-" 7 "web@docker" "http://10.0.0.1:80" 3ms`, at, 200, "/"},
		{"nginx: nothing was asked", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "" 400 0 "-" "-"`, at, 400, ""},
		{"Apache: timed out", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "-" 408 -`, at, 408, "-"},
		{"TLS spoken to a plain port", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "\x16\x03\x01" 400 157 "-" "-"`, at, 400, `\x16\x03\x01`},
		{"an escaped quote", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /\" 200 HTTP/1.1" 404 1`, at, 404, `/\" 200`},
		{"a quote as it is", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /say"hello" HTTP/1.0" 404 1`, at, 404, `/say"hello"`},
		{"a backslash before the last quote", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /\\" 404 1`, at, 404, `/\\`},
		{"spaces in the path", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a b c HTTP/1.0" 404 1`, at, 404, "/a b c"},
		{"HTTP/0.9", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /old" 200 1`, at, 200, "/old"},
		{"no size", `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200`, at, 200, "/"},
		{"1995", `199.72.81.55 - - [01/Jul/1995:00:00:01 -0400] "GET /history/apollo/ HTTP/1.0" 200 6245`, "1995-07-01T04:00:01Z", 200, "/history/apollo/"},
		{"half an hour of zone", `a - - [01/Jan/2026:00:00:00 +0530] "GET / HTTP/1.0" 200 1`, "2025-12-31T18:30:00Z", 200, "/"},
		{"a leap day", `a - - [29/Feb/2028:23:59:59 +0000] "GET / HTTP/1.0" 200 1`, "2028-02-29T23:59:59Z", 200, "/"},
		{"a leap second", `a - - [31/Dec/2016:23:59:60 +0000] "GET / HTTP/1.0" 200 1`, "2017-01-01T00:00:00Z", 200, "/"},
	} {
		t.Run(tc.format, func(t *testing.T) {
			var p accesslog.Parser
			for range 2 { // the second time it knows the time
				got, err := p.Parse([]byte(tc.line))
				if err != nil {
					t.Fatal(err)
				}
				if at := time.Unix(got.Unix, 0).UTC().Format(time.RFC3339); at != tc.at || got.Status != tc.status || string(got.Target) != tc.target {
					t.Errorf("got %s, %d, %q; want %s, %d, %q", at, got.Status, got.Target, tc.at, tc.status, tc.target)
				}
			}
		})
	}
}

func TestParseSaysWhatIsMissing(t *testing.T) {
	for line, want := range map[string]error{
		"":                                     accesslog.ErrNoTime,
		"hello":                                accesslog.ErrNoTime,
		"[":                                    accesslog.ErrNoTime,
		`{"time":"2026-10-10T11:55:36Z"}`:      accesslog.ErrNoTime,
		`a - - [10/Oct/2026:13:55:36]`:         accesslog.ErrNoTime,
		`a - - [10/Okt/2026:13:55:36 +0200] "`: accesslog.ErrBadTime,
		`a - - [31/Apr/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [29/Feb/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [00/Feb/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [10/Oct/2026:24:55:36 +0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [10/Oct/2026:13:60:36 +0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [10/Oct/2026:13:55:61 +0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [10/Oct/2026:13:55:36 *0200] "GET / HTTP/1.1" 200 1`:   accesslog.ErrNoTime,
		`a - - [10/Oct/2026:13:55:36 +02x0] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`a - - [99/Foo/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1`:   accesslog.ErrBadTime,
		`[2001:db8:aaaa:bbbb:cccc::1] - - hello`:                      accesslog.ErrNoTime,
		`a - - [10/Oct/2026:13:55:36 +0200]`:                          accesslog.ErrNoRequest,
		`a - - [10/Oct/2026:13:55:36 +0200] GET / HTTP/1.1 200 1`:     accesslog.ErrNoRequest,
		`a - - [10/Oct/2026:13:55:36 +0200] "GET / HTT`:               accesslog.ErrNoRequest,
		`a - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1"`:         accesslog.ErrNoStatus,
		`a - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 20`:      accesslog.ErrNoStatus,
		`a - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" - 1`:     accesslog.ErrNoStatus,
		`a - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 2000`:    accesslog.ErrNoStatus,
		`a - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1\" 200 12`: accesslog.ErrNoStatus,
	} {
		var p accesslog.Parser
		if got, err := p.Parse([]byte(line)); !errors.Is(err, want) {
			t.Errorf("%s: got %+v, %v; want %v", line, got, err, want)
		}
	}
}

// Every day of four centuries, by the calendar of the standard library.
func TestTimesAreThoseOfTheCalendar(t *testing.T) {
	var p accesslog.Parser
	for at := time.Date(1800, 1, 1, 12, 34, 56, 0, time.UTC); at.Year() < 2200; at = at.AddDate(0, 0, 1) {
		line := "- - - [" + at.Format("02/Jan/2006:15:04:05 -0700") + `] "GET / HTTP/1.1" 200 1`
		if got, err := p.Parse([]byte(line)); err != nil || got.Unix != at.Unix() {
			t.Fatalf("%s: got %v, %v; want %v", line, got.Unix, err, at.Unix())
		}
	}
}

func TestParseStatuses(t *testing.T) {
	set, err := accesslog.ParseStatuses("2xx, 3XX,404")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, status := range []int{199, 200, 299, 300, 399, 400, 404, 405} {
		if set[status] {
			got = append(got, fmt.Sprint(status))
		}
	}
	if want := "200 299 300 399 404"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for _, bad := range []string{"", "2xx,", "20x", "xx", "ok", "4040", "-200", "22xx", "9xx", "0xx", "6XX", "099", "600", "2xx,999"} {
		if _, err := accesslog.ParseStatuses(bad); err == nil || !strings.Contains(err.Error(), "is no status: must be 100 to 599 or one of the classes 1xx, 2xx, 3xx, 4xx, 5xx, several with commas") {
			t.Errorf("%q: got %v, want an error", bad, err)
		}
	}
}

// Whatever a line holds, parsing it ends, and what was parsed once is parsed
// the same again, also after another line.
func FuzzParse(f *testing.F) {
	f.Add(`203.0.113.7 - ann [10/Oct/2026:13:55:36 +0200] "GET /a?b=c HTTP/1.1" 200 2326`)
	f.Add(`shop.test:443 [2001:db8::1] - - [10/Oct/2026:13:55:36 +0200] "GET /\" 200 HTTP/1.1" 404 - "-" "x"`)
	f.Add(`[[[[10/Oct/2026:13:55:36 +0200]`)
	f.Add(`- [29/Feb/2027:00:00:00 +0000] "" 000`)
	f.Fuzz(func(t *testing.T, line string) {
		var p accesslog.Parser
		first, err := p.Parse([]byte(line))
		again, errAgain := p.Parse([]byte(line))
		if first.Unix != again.Unix || first.Status != again.Status || string(first.Target) != string(again.Target) || !errors.Is(errAgain, err) {
			t.Fatalf("got %+v, %v and then %+v, %v", first, err, again, errAgain)
		}
		if err != nil {
			return
		}
		if first.Status < 0 || first.Status > 999 || !strings.Contains(line, string(first.Target)) {
			t.Errorf("got %+v", first)
		}
		text := line[strings.LastIndex(line[:strings.Index(line, `] "`)], "[")+1:][:26]
		// The standard library reads no leap second.
		if at, err := time.Parse("02/Jan/2006:15:04:05 -0700", text); err == nil && at.Unix() != first.Unix {
			t.Errorf("%s: got %d, want %d", text, first.Unix, at.Unix())
		}
	})
}

func BenchmarkParse(b *testing.B) {
	line := []byte(`203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET /products/1234?ref=mail&page=2 HTTP/1.1" 200 23260 "https://shop.test/products" "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"`)
	var p accesslog.Parser
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}
