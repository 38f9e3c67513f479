package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// logOf is an access log with n requests in each of its seconds.
func logOf(n ...int) string {
	out := &strings.Builder{}
	for second, count := range n {
		at := time.Date(2026, 10, 10, 13, 0, second, 0, time.UTC)
		for range count {
			fmt.Fprintf(out, "203.0.113.7 - - [%s] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n", at.Format("02/Jan/2006:15:04:05 -0700"))
		}
	}
	return out.String()
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	b := &bytes.Buffer{}
	w := gzip.NewWriter(b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// oneSpaced is a table without its columns.
func oneSpaced(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestImportPrintsATraceAndASummary(t *testing.T) {
	log := writeFile(t, "access.log", logOf(1, 3, 0, 2)+"nonsense\n")
	out, errOut, status := execute(t.Context(), "import", "trace", "--from-log", log, "--max-malformed", "0.2")
	if status != 0 || out != "t_seconds,requests_per_second\n0,1\n1,3\n2,0\n3,2\n" {
		t.Fatalf("status %d, got %q: %s", status, out, errOut)
	}
	wants(t, oneSpaced(errOut), "lines 7 in 1 file", "malformed 1", `access.log line 7, has no time`, `"nonsense"`,
		"span 4s from 2026-10-10T13:00:00Z", "rows 4 of 1s", "gaps 0", "requests 6", "mean 1.5/s, p99 3/s, peak 3/s")
}

// Rotated logs are given as the shell lists them, some packed.
func TestImportTakesManyLogs(t *testing.T) {
	all := strings.SplitAfter(logOf(2, 2, 2, 2), "\n")
	newest := writeFile(t, "access.log", strings.Join(all[4:], ""))
	older := writeFile(t, "access.log.1", strings.Join(all[2:4], ""))
	oldest := writeFile(t, "access.log.2.gz", zipped(t, strings.Join(all[:2], "")))
	out, errOut, status := execute(t.Context(), "import", "trace", "--from-log", newest, older, oldest, "--step", "2s")
	if status != 0 || out != "t_seconds,requests_per_second\n0,2\n2,2\n" {
		t.Fatalf("status %d, got %q: %s", status, out, errOut)
	}
	wants(t, oneSpaced(errOut), "lines 8 in 3 files")
}

func TestImportReadsStandardInput(t *testing.T) {
	var out, errOut bytes.Buffer
	root := newRootCommand()
	root.SetArgs([]string{"import", "trace", "--from-log", "-"})
	root.SetIn(strings.NewReader(zipped(t, logOf(1, 1))))
	root.SetOut(&out)
	root.SetErr(&errOut)
	if err := root.Execute(); err != nil || out.String() != "t_seconds,requests_per_second\n0,1\n1,1\n" {
		t.Errorf("got %q, %v: %s", out.String(), err, errOut.String())
	}
}

func TestImportWritesAWholeFileOrNone(t *testing.T) {
	log := writeFile(t, "access.log", logOf(1, 3, 0, 2))
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.csv.gz")
	imported := func(args ...string) (string, string, int) {
		return execute(t.Context(), append([]string{"import", "trace", "--out", path, "--from-log"}, args...)...)
	}
	if out, errOut, status := imported(log, "--json"); status != 0 || !strings.Contains(out, `"requests": 6`) || errOut != "" {
		t.Fatalf("status %d, got %q and %q", status, out, errOut)
	}
	trace, err := workload.OpenTrace(path)
	if err != nil || trace.Expected(time.Minute) != 6 {
		t.Fatalf("got %v, %v; want a trace of 6 requests", trace, err)
	}
	if _, errOut, status := imported(log); status != 2 || !strings.Contains(errOut, "shop.csv.gz is there already; --force overwrites it") {
		t.Errorf("status %d and %q, want it to refuse", status, errOut)
	}
	if _, errOut, status := imported(log, "--force", "--step", "2s"); status != 0 {
		t.Error(errOut)
	}
	if trace, err := workload.OpenTrace(path); err != nil || len(trace.Bins()) != 2 {
		t.Errorf("overwritten: got %v, %v; want two bins", trace, err)
	}
	if _, errOut, status := imported(path, "--force"); status != 2 || !strings.Contains(errOut, "is what is read") {
		t.Errorf("over its own input: status %d and %q, want it to refuse", status, errOut)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, errOut, status := execute(ended, "import", "trace", "--from-log", log, "--out", filepath.Join(dir, "other.csv")); status != 1 || !strings.Contains(errOut, "canceled") {
		t.Errorf("interrupted: status %d and %q", status, errOut)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v; want only the trace", left, err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	as, _ := os.Stat(plain)
	if info, err := os.Stat(path); err != nil || info.Mode() != as.Mode() {
		t.Errorf("mode %v, %v; want %v as of any new file", info.Mode(), err, as.Mode())
	}
}

func TestImportFollowsALinkAndStaysOutOfFolders(t *testing.T) {
	log, dir := writeFile(t, "access.log", logOf(1, 1)), t.TempDir()
	target, link := writeFile(t, "old.csv", "old"), filepath.Join(dir, "link.csv")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, errOut, status := execute(t.Context(), "import", "trace", "--from-log", log, "--out", link, "--force"); status != 0 {
		t.Fatal(errOut)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if content, _ := os.ReadFile(target); !strings.HasPrefix(string(content), "t_seconds") {
		t.Errorf("what it points to holds %q", content)
	}
	for out, says := range map[string]string{dir: "is a directory: must be a file", filepath.Join(dir, "no", "x.csv"): "no such file or directory"} {
		if _, errOut, status := execute(t.Context(), "import", "trace", "--from-log", log, "--out", out); status != 2 || !strings.Contains(errOut, says) {
			t.Errorf("%s: status %d and %q, want %q", out, status, errOut, says)
		}
	}
}

func TestImportRefusesBadInput(t *testing.T) {
	log := writeFile(t, "access.log", logOf(1, 3, 0, 2))
	whole := zipped(t, strings.Repeat(logOf(9, 9), 100))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(i*i*7 + i/11)
	}
	cut, rubbish, empty := writeFile(t, "cut.gz", whole[:len(whole)-20]), writeFile(t, "rubbish", string(noise)), writeFile(t, "empty", "")
	half := writeFile(t, "half", logOf(1, 1, 1)+"a\nb\nc\n")
	wrongDate := writeFile(t, "wrong-date", `a - - [99/Foo/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1`+"\n")
	sparse := writeFile(t, "sparse", logOf(1, 0, 0, 1, 0, 0, 1, 0, 0, 1))
	table := writeFile(t, "t.csv", "at,hits\n1,2\n2,3\n")
	for _, tc := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, 2, "nothing to read: give --from-log FILE, --from-csv FILE or --from-prometheus URL"},
		{[]string{"--from-log", log, "--from-csv", table}, 2, "--from-log and --from-csv exclude each other"},
		{[]string{"--from-csv", table, table}, 2, "only logs may be several"},
		{[]string{"--from-log", ""}, 2, "--from-log: must not be empty"},
		{[]string{"--from-csv", ""}, 2, "--from-csv: must not be empty"},
		{[]string{"--from-log", log, "--out", ""}, 2, "--out: must not be empty"},
		{[]string{"--from-log", log, "--query", "x"}, 2, "--query: needs --from-prometheus"},
		{[]string{"--from-csv", table, "--match", "x"}, 2, "--match: needs --from-log"},
		{[]string{"--from-csv", table, "--from", "1h"}, 2, "--from: needs --from-log or --from-prometheus"},
		{[]string{"--from-log", log, "--values", "count"}, 2, "--values: needs --from-csv"},
		{[]string{"--from-log", log, "--step", "0s"}, 2, "--step: must be above 0, got 0s"},
		{[]string{"--from-log", log, "--step", "-1s"}, 2, "--step: must be above 0"},
		{[]string{"--from-log", log, "--step", "100ms"}, 2, "step: must be whole seconds"},
		{[]string{"--from-log", log, "--step", "1h"}, 1, "all requests lie in one step of 1h: a trace needs two"},
		{[]string{"--from-log", log, "--match", "("}, 2, "--match: error parsing regexp"},
		{[]string{"--from-log", log, "--status", "ok"}, 2, `--status: "ok" is no status`},
		{[]string{"--from-log", log, "--status", "9xx"}, 2, `--status: "9xx" is no status: must be 100 to 599 or one of the classes 1xx, 2xx, 3xx, 4xx, 5xx`},
		{[]string{"--from-log", wrongDate}, 1, `wrong-date line 1, its time cannot be read: must be such as [10/Oct/2026:13:55:36 +0200]: "a - - [99/Foo`},
		{[]string{"--from-log", log, "--from", "soon"}, 2, "--from: must be a duration such as 1h"},
		{[]string{"--from-log", log, "--from", "1h", "--to", "2h"}, 2, "must end after it begins"},
		{[]string{"--from-log", log, "--gap", "1s"}, 2, "silence: must be at least two steps"},
		{[]string{"--from-log", log, "--max-malformed", "2"}, 2, "--max-malformed: must be 0 to 1, got 2"},
		{[]string{"--from-log", log, "--match", "nowhere"}, 1, "none of 6 requests is let through by --match"},
		{[]string{"--from-log", sparse, "--gap", "2s"}, 1, "a gap comes after 3 of 4 steps of 1s"},
		{[]string{"--from-log", "/nowhere.log"}, 2, "/nowhere.log: no such file"},
		{[]string{"--from-log", t.TempDir()}, 2, "is a directory: must be a file, plain or gzipped"},
		{[]string{"--from-log", cut}, 1, "the gzip file is cut off"},
		{[]string{"--from-log", rubbish}, 1, "lines are no lines of an access log in the Common or Combined format"},
		{[]string{"--from-log", empty}, 1, "the log is empty"},
		{[]string{"--from-log", half}, 1, `3 of 6 lines are no lines of an access log in the Common or Combined format, at most 10 % may be (--max-malformed); the first, half line 4, has no time in brackets such as [10/Oct/2026:13:55:36 +0200]: "a"`},
		{[]string{"--nonsense"}, 2, "unknown flag: --nonsense"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			out, errOut, status := execute(t.Context(), append([]string{"import", "trace"}, tc.args...)...)
			if status != tc.status || !strings.Contains(errOut, tc.says) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("status %d: %q; want %d and one line with %q", status, errOut, tc.status, tc.says)
			}
			if len(errOut) > 1000 || strings.ContainsAny(errOut, "\x00\x1b") || out != "" {
				t.Errorf("got %q and %q", out, errOut)
			}
		})
	}
	if _, errOut, status := execute(t.Context(), "import", "keda"); status != 2 || !strings.Contains(errOut, `unknown command "import keda"; known: hpa, trace, vpa`) {
		t.Errorf("status %d: %q", status, errOut)
	}
	if out, _, status := execute(t.Context(), "import"); status != 0 || !strings.Contains(out, "trace ") {
		t.Errorf("status %d: %q, want help", status, out)
	}
}

func TestImportReadsCSV(t *testing.T) {
	const want = "t_seconds,requests_per_second\n0,2\n60,4\n240,8\n300,8\n"
	for _, tc := range []struct {
		what, file string
		args       []string
		want       string
	}{
		{"a trace of ours", want, nil, want},
		{"seconds since 1970", "at,rps\n1790000000,2\n1790000060,4\n1790000240,8\n1790000300,8\n", nil, want},
		{"milliseconds", "at,rps\n1790000000000,2\n1790000060000,4\n1790000240000,8\n1790000300000,8\n", nil, want},
		{"RFC 3339 in two zones", "at,rps\n2026-10-10T12:00:00Z,2\n2026-10-10T14:01:00+02:00,4\n2026-10-10T12:04:00Z,8\n2026-10-10T12:05:00Z,8\n", nil, want},
		{"date and time", "at,rps\n2026-10-10 12:00:00,2\n2026-10-10 12:01:00,4\n2026-10-10 12:04:00,8\n2026-10-10 12:05:00,8\n", nil, want},
		{"a layout of its own", "at,rps\n10.10.2026 12:00,2\n10.10.2026 12:01,4\n10.10.2026 12:04,8\n10.10.2026 12:05,8\n", []string{"--time-format", "02.01.2006 15:04"}, want},
		{"chosen columns, quotes, another separator", "\ufeffhost;\"hits, all\";at\na;120;0\na;240;60\na;480;240\na;480;300\n", []string{"--time-column", "at", "--value-column", "hits, all", "--values", "count"}, want},
		{"a count is one of the width of its bin", "at,hits\n0,120\n60,240\n240,480\n300,480\n", []string{"--values", "count"}, want},
		{"rows without a value are a gap", "at,rps\n0,2\n60,4\n120,\n180,NaN\n240,8\n300,8\n", nil, want},
		{"gzipped", zipped(t, "at,rps\r\n0,2\r\n60,4\r\n240,8\r\n300,8\r\n"), nil, want},
	} {
		t.Run(tc.what, func(t *testing.T) {
			args := append([]string{"import", "trace", "--from-csv", writeFile(t, "t.csv", tc.file)}, tc.args...)
			out, errOut, status := execute(t.Context(), args...)
			if status != 0 || out != tc.want {
				t.Errorf("status %d, got %q, want %q: %s", status, out, tc.want, errOut)
			}
			wants(t, oneSpaced(errOut), "rows 4 of 1m", "gaps 1, 2m in all", "requests 1320", "mean 5.5/s")
		})
	}
}

func TestImportBeginsWithTheFirstValue(t *testing.T) {
	table := writeFile(t, "t.csv", "at,rps\n2026-10-10T12:00:00Z,\n2026-10-10T12:01:00Z,1\n2026-10-10T12:02:00Z,2\n")
	out, errOut, status := execute(t.Context(), "import", "trace", "--from-csv", table)
	if status != 0 || out != "t_seconds,requests_per_second\n0,1\n60,2\n" {
		t.Errorf("status %d, got %q", status, out)
	}
	wants(t, oneSpaced(errOut), "without value 1 rows, left out", "span 2m from 2026-10-10T12:01:00Z", "gaps 0")
}

// In a short table one row without a value must not make the others wider.
func TestImportTakesTheDistanceOfRowsFromAllOfThem(t *testing.T) {
	const header = "t_seconds,requests_per_second\n"
	for _, tc := range []struct {
		what, rows string
		args       []string
		want, says string
	}{
		{
			"an empty value is a gap", "1700000000000,5\n1700000010000,6\n1700000020000,null\n1700000030000,1\n", nil,
			"0,5\n10,6\n30,1\n", "rows 3 of 10s step 10s is the usual distance of 4 rows; --step sets another gaps 1, 10s in all requests 120",
		},
		{
			"a row that is left out, too", "0,5\n10,6\n30,1\n", nil,
			"0,5\n10,6\n30,1\n", "rows 3 of 10s step 10s is the usual distance of 3 rows; --step sets another gaps 1, 10s in all",
		},
		{"two rows", "0,5\n10,6\n", nil, "0,5\n10,6\n", "rows 2 of 10s step 10s is the usual distance of 2 rows"},
		{"five rows say it themselves", "0,5\n10,6\n20,\n30,1\n40,2\n", nil, "0,5\n10,6\n30,1\n40,2\n", "rows 4 of 10s gaps 1, 10s in all"},
		{"the step is given", "0,60\n30,90\n60,30\n", []string{"--step", "30s", "--values", "count"}, "0,2\n30,3\n60,1\n", "rows 3 of 30s gaps 0"},
		{"values in every third row", "0,5\n10,\n20,\n30,6\n40,\n50,\n60,1\n", []string{"--step", "30s"}, "0,5\n30,6\n60,1\n", "rows 3 of 30s gaps 0"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "made.csv")
			args := append([]string{"import", "trace", "--from-csv", writeFile(t, "t.csv", "at,rps\n"+tc.rows), "--out", path}, tc.args...)
			_, errOut, status := execute(t.Context(), args...)
			if got, err := os.ReadFile(path); status != 0 || err != nil || string(got) != header+tc.want {
				t.Fatalf("status %d, got %q, %v; want %q: %s", status, got, err, tc.want, errOut)
			}
			wants(t, oneSpaced(errOut), tc.says)
			trace, err := workload.OpenTrace(path)
			if err != nil {
				t.Fatal(err)
			}
			said := fmt.Sprintf("gaps %d,", len(trace.Gaps()))
			wants(t, oneSpaced(errOut), said)
		})
	}
}

func TestImportRefusesBadCSV(t *testing.T) {
	for _, tc := range []struct {
		what, file string
		args       []string
		status     int
		says       string
	}{
		{"empty", "", nil, 1, "csv t.csv: is empty: must begin with a header"},
		{"only a header", "at,rps\n", nil, 1, "0 rows"},
		{"one row", "at,rps\n0,1\n", nil, 1, "1 rows"},
		{"three columns", "at,a,b\n0,1,2\n", nil, 2, "--value-column: must be given; the columns are at, a, b"},
		{"no such column", "at,a\n0,1\n", []string{"--value-column", "c"}, 2, `--value-column: there is no column "c"; the columns are at, a`},
		{"no such time", "at,a\n0,1\n", []string{"--time-column", "c"}, 2, `--time-column: there is no column "c"`},
		{"the same twice", "at,a\n0,1\n", []string{"--value-column", "at"}, 2, `--value-column: "at" holds the times`},
		{"time goes back", "at,a\n0,1\n60,1\n30,1\n", nil, 1, `line 4: time "30" comes after 1970-01-01T00:01:00Z: must rise`},
		{"time stands still", "at,a\n0,1\n0,1\n", nil, 1, "line 3: time"},
		{"negative", "at,a\n0,1\n60,-1\n", nil, 1, "line 3: value -1 is negative"},
		{"infinite", "at,a\n0,1\n60,+Inf\n", nil, 1, `line 3: value "+Inf" is not a number`},
		{"text", "at,a\n0,1\n60,many\n", nil, 1, `line 3: value "many" is not a number`},
		{"too much", "at,a\n0,1\n60,1e10\n", nil, 1, "rate 1e+10: must be 0 to"},
		{"no time", "at,a\nnoon,1\n", nil, 1, `line 2: time "noon" does not read as rfc3339; set --time-format`},
		{"another time", "at,a\n0,1\nnoon,1\n", nil, 1, `line 3: time "noon" is no number as unix`},
		{"a time beyond all", "at,a\n0,1\n1e300,1\n", nil, 1, "is no number as unix"},
		{"fields", "at,a\n0,1,2\n", nil, 1, "line 2: wrong number of fields"},
		{"quotes", "at,a\n0,\"1\n", nil, 1, "line 2: extraneous or missing \" in quoted-field"},
		{"cut-off gzip", zipped(t, "at,a\n0,1\n60,2\n")[:20], nil, 1, "the gzip file is cut off"},
		{"hardly any value", "at,a\n0,5\n10,\n20,\n30,6\n40,\n50,\n60,1\n", nil, 1, "rows come every 10s, values every 30s, which whoever reads the trace would take for its step: --step 30s does so here"},
		{"a step of other rows", "at,a\n0,5\n10,6\n20,7\n", []string{"--step", "30s"}, 2, "--step: must be about 10s, the usual distance of rows with a value, got 30s"},
		{"a step of fewer rows", "at,a\n0,5\n10,6\n20,7\n", []string{"--step", "1s"}, 2, "--step: must be about 10s"},
		{"gzip cut off at once", zipped(t, "at,a\n0,1\n60,2\n")[:5], nil, 1, "csv t.csv: the gzip file is cut off"},
		{"format", "at,a\n0,1\n", []string{"--time-format", "iso"}, 2, "--time-format: must be auto, unix, unix-ms, rfc3339 or a layout"},
		{"values", "at,a\n0,1\n", []string{"--values", "sum"}, 2, `--values: must be rate or count, got "sum"`},
	} {
		t.Run(tc.what, func(t *testing.T) {
			args := append([]string{"import", "trace", "--from-csv", writeFile(t, "t.csv", tc.file)}, tc.args...)
			out, errOut, status := execute(t.Context(), args...)
			if status != tc.status || !strings.Contains(errOut, tc.says) || strings.Count(errOut, "\n") != 1 || out != "" {
				t.Errorf("status %d: %q and %q; want %d and one line with %q", status, out, errOut, tc.status, tc.says)
			}
		})
	}
}

// Half a million rows are rounded nowhere: what is counted is what is written.
func TestImportSummaryAgreesWithTheTrace(t *testing.T) {
	counts := make([]int, 500)
	for i := range counts {
		counts[i] = i * i % 17
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	stdout, errOut, status := execute(t.Context(), "import", "trace", "--from-log", writeFile(t, "a.log", logOf(counts...)), "--out", path, "--step", "7s", "--json")
	if status != 0 {
		t.Fatal(errOut)
	}
	var s importSummary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	trace, err := workload.OpenTrace(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][2]float64{
		"requests": {s.Requests, trace.Expected(trace.Duration())}, "length": {s.LengthSeconds, trace.Duration().Seconds()},
		"p99": {s.P99, workload.Quantile(trace, 0.99)}, "peak": {s.Peak, workload.Peak(trace)}, "rows": {float64(s.Rows), float64(len(trace.Bins()))},
	} {
		if math.Abs(got[0]-got[1]) > 1e-6*got[1] {
			t.Errorf("%s: the summary says %v, the trace %v", name, got[0], got[1])
		}
	}
}

// Whatever a CSV file holds, it becomes a trace that can be played, or an error.
func FuzzImportCSV(f *testing.F) {
	f.Add("at,rps\n0,1\n60,2\n120,\n", true)
	f.Add("\ufeffa;b\n2026-10-10T12:00:00Z;1\n2026-10-10 12:01:00;2\n", false)
	f.Add("a\tb\n1790000000000\t\"1\"\n1790000000001.5\tNaN\n1790000000002\t1e9\n", true)
	f.Add("x,y\n-9e18,1\n9e9,2\n", false)
	f.Fuzz(func(t *testing.T, file string, counts bool) {
		c := csvImport{timeFormat: "auto", values: "rate"}
		rows, err := c.read(strings.NewReader(file))
		if err != nil {
			return
		}
		trace, err := rows.trace("fuzz", counts, 0)
		if err != nil {
			return
		}
		if n := trace.Expected(trace.Duration()); !(n >= 0) || math.IsInf(n, 0) || trace.Duration() <= 0 {
			t.Errorf("got %v requests in %v", n, trace.Duration())
		}
	})
}
