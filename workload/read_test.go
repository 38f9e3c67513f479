package workload_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/workload"
)

func readTrace(t *testing.T, rows string) *workload.Trace {
	t.Helper()
	s, err := workload.Read("test.csv", strings.NewReader("t_seconds,requests_per_second\n"+rows))
	if err != nil {
		t.Fatal(err)
	}
	return s.(*workload.Trace)
}

func TestReadRates(t *testing.T) {
	tests := []struct {
		name, rows string
		bins       []workload.Bin
		gaps       []workload.Span
	}{
		{
			"every row is a bin, the last as wide as the others", "0,1\n60,2\n120,0\n",
			[]workload.Bin{{0, time.Minute, 1}, {time.Minute, time.Minute, 2}, {2 * time.Minute, time.Minute, 0}},
			[]workload.Span{},
		},
		{
			"rows left out are a gap", "0,1\n60,2\n240,3\n300,4\n",
			[]workload.Bin{{0, time.Minute, 1}, {time.Minute, time.Minute, 2}, {4 * time.Minute, time.Minute, 3}, {5 * time.Minute, time.Minute, 4}},
			[]workload.Span{{2 * time.Minute, 4 * time.Minute}},
		},
		{
			"of two distances the shorter is usual", "0,1\n60,2\n180,3\n",
			[]workload.Bin{{0, time.Minute, 1}, {time.Minute, time.Minute, 2}, {3 * time.Minute, time.Minute, 3}},
			[]workload.Span{{2 * time.Minute, 3 * time.Minute}},
		},
		{
			"a row that comes a little late widens the bin before it", "0,1\n10,2\n21,3\n30,4\n40,5\n",
			[]workload.Bin{{0, 10 * time.Second, 1}, {10 * time.Second, 11 * time.Second, 2}, {21 * time.Second, 9 * time.Second, 3}, {30 * time.Second, 10 * time.Second, 4}, {40 * time.Second, 10 * time.Second, 5}},
			[]workload.Span{},
		},
		{
			"Windows line ends, spaces, exponents and blank lines", "0,1\r\n0.5 , 2e1\r\n\r\n1,3\r\n\r\n",
			[]workload.Bin{{0, time.Second / 2, 1}, {time.Second / 2, time.Second / 2, 20}, {time.Second, time.Second / 2, 3}},
			[]workload.Span{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trace := readTrace(t, tt.rows)
			if diff := cmp.Diff(tt.bins, trace.Bins()); diff != "" {
				t.Errorf("bins (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.gaps, trace.Gaps()); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			checkShape(t, trace)
			checkArrivals(t, trace, workload.Uniform)
		})
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	b := &bytes.Buffer{}
	w := gzip.NewWriter(b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored is a gzip file that ends, without its own end, just after text.
func stored(t *testing.T, text string) []byte {
	t.Helper()
	b := &bytes.Buffer{}
	w, err := gzip.NewWriterLevel(b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Wherever a packed trace is cut off, that is what is wrong with it, and never
// half a row.
func TestGzipCutOffAnywhereIsToldSo(t *testing.T) {
	text := "t_seconds,requests_per_second\n"
	for i := range 300 {
		text += fmt.Sprintf("%d,%d\n", i, i*i%7919)
	}
	packed := gzipped(t, text)
	for n := 2; n < len(packed); n++ {
		if _, err := workload.Read("f.csv", bytes.NewReader(packed[:n])); err == nil || !strings.Contains(err.Error(), "the gzip file is cut off") {
			t.Fatalf("cut after %d of %d bytes: got %v, want it to say so", n, len(packed), err)
		}
	}
	for n := range text {
		if _, err := workload.Read("f.csv", bytes.NewReader(stored(t, text[:n]))); err == nil || !strings.Contains(err.Error(), "the gzip file is cut off") {
			t.Fatalf("cut after %q: got %v, want it to say so", text[max(0, n-20):n], err)
		}
	}
}

func TestGzipIsToldByContent(t *testing.T) {
	s, err := workload.Read("plain.csv", bytes.NewReader(gzipped(t, "t_seconds,requests_per_second\n0,1\n60,2\n")))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Expected(s.Duration()); got != 180 {
		t.Errorf("requests: got %v, want 180", got)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	const header = "t_seconds,requests_per_second\n"
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(i*7 + 128)
	}
	long := gzipped(t, header+"0,1\n60,2\n120,3\n")
	tests := []struct{ name, file, want string }{
		{"empty file", "", `trace f.csv line 1: the file is empty: must begin with "t_seconds,requests_per_second"`},
		{"blank file", "\n \n", "the file is empty"},
		{"wrong header", "time,rps\n0,1\n", `line 1: the header is "time,rps": must be "t_seconds,requests_per_second" or, for single requests, "t_seconds,input_tokens,output_tokens"`},
		{"another quantity", "t_seconds,value\n0,1\n", `the header is "t_seconds,value": must be`},
		{"no rows", header, "line 2: 0 rows: must be at least 2"},
		{"one row", header + "0,1\n", "1 rows: must be at least 2"},
		{"negative rate", header + "0,1\n60,-2\n", "line 3: requests_per_second: -2 is negative"},
		{"NaN", header + "0,NaN\n", `line 2: requests_per_second: "NaN" is not a number`},
		{"infinite", header + "0,Inf\n", `"Inf" is not a number`},
		{"too large to be a number", header + "0,1e999\n", `"1e999" is not a number`},
		{"enormous rate", header + "0,1e10\n60,1\n", "requests_per_second: 1e+10: must be at most 1e+09"},
		{"no number", header + "0,abc\n", `requests_per_second: "abc" is not a number`},
		{"empty field", header + "0,\n", `requests_per_second: "" is not a number`},
		{"time goes back", header + "0,1\n60,1\n30,1\n", "line 4: t_seconds: 30 comes after 60: must rise"},
		{"time stands still", header + "0,1\n0,1\n", "line 3: t_seconds: 0 comes after 0: must rise"},
		{"does not start at 0", header + "60,1\n120,1\n", "line 2: t_seconds: the first row is at 60: must be at 0"},
		{"dates instead of seconds", header + "0,1\n1700000000,1\n", "t_seconds: 1.7e+09 is over ten years"},
		{"too few fields", header + "0\n", "line 2: 1 fields: must be 2 (t_seconds,requests_per_second)"},
		{"too many fields", header + "0,1,2\n", "3 fields: must be 2"},
		{"cut-off gzip", string(long[:len(long)-4]), "cut off"},
		{"gzip cut off within the header line", string(stored(t, header[:9])), "trace f.csv line 1: the gzip file is cut off"},
		{"a wrong row before the cut", string(stored(t, header+"0,1\nx,2\n6")), `line 3: t_seconds: "x" is not a number`},
		{"broken gzip", "\x1f\x8b\x08\x00garbage garbage garbage", "f.csv"},
		{"gzip header only", "\x1f\x8b", "trace f.csv line 1: the gzip file is cut off"},
		{"binary garbage", string(noise), "f.csv line 1"},
		{"endless line", header + strings.Repeat("1", 1<<20), "line 2: longer than 1024 bytes"},
		{"requests that go back", "t_seconds,input_tokens,output_tokens\n5,1,1\n4,1,1\n", "line 3: t_seconds: 4 comes after 5: must not go back"},
		{"requests without rows", "t_seconds,input_tokens,output_tokens\n", "no rows"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := workload.Read("f.csv", strings.NewReader(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
				t.Errorf("want one short line, got %q", err)
			}
		})
	}
}

func TestOpenNamesWhatItCannotOpen(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.csv"): "absent.csv: no such file",
		dir:                              "is a directory: must be a CSV file",
	} {
		if _, err := workload.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// The figures of the traces' own index: rows, gaps, mean and peak.
func TestRecordedTraces(t *testing.T) {
	tests := []struct {
		file          string
		rows, missing int
		mean, peak    float64
	}{
		{"nasa_http_jul95_1min.csv", 39692, 0, 0.794314, 6.81667},
		{"nab_elb_request_count_8c0756_5min.csv", 4032, 8, 0.206, 2.19},
		{"worldcup98_1998-05_1min.csv", 0, 10, 26.5, 958},
		{"azure_llm_2023_code_1s.csv", 3435, 0, 2.57, 67},
		{"servegen_m-small_10min.csv", 0, 0, 1174, 3880},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			trace, err := workload.OpenTrace(testenv.Trace(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			bins := trace.Bins()
			if tt.rows > 0 && len(bins) != tt.rows {
				t.Errorf("rows: got %d, want %d", len(bins), tt.rows)
			}
			missing := time.Duration(0)
			for _, gap := range trace.Gaps() {
				missing += gap.To - gap.From
			}
			if got := int(missing / bins[0].Width); got != tt.missing {
				t.Errorf("missing rows: got %d, want %d", got, tt.missing)
			}
			recorded := (trace.Duration() - missing).Seconds()
			if got := trace.Expected(trace.Duration()) / recorded; math.Abs(got/tt.mean-1) > 0.005 {
				t.Errorf("mean: got %v, want %v", got, tt.mean)
			}
			if got := workload.Peak(trace); math.Abs(got/tt.peak-1) > 0.005 {
				t.Errorf("peak: got %v, want %v", got, tt.peak)
			}
		})
	}
}

// The file of single requests and the one of counts per second hold the same
// arrivals.
func TestRecordedRequestsMatchTheirCounts(t *testing.T) {
	requests, err := workload.OpenTrace(testenv.Trace(t, "azure_llm_2023_code_requests.csv"))
	if err != nil {
		t.Fatal(err)
	}
	counts, err := workload.OpenTrace(testenv.Trace(t, "azure_llm_2023_code_1s.csv"))
	if err != nil {
		t.Fatal(err)
	}
	// The single requests are rounded to milliseconds, which moves a few over
	// the edge of a second.
	for at := time.Duration(0); at <= counts.Duration(); at += time.Second {
		if got, want := requests.Expected(at), counts.Expected(at); math.Abs(got-want) > 1.001 {
			t.Fatalf("requests before %v: got %v, want %v ± 1", at, got, want)
		}
	}
}

func TestEveryRecordedTraceIsReadOrRefused(t *testing.T) {
	folder := filepath.Dir(testenv.Trace(t, "index.csv"))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".csv" || entry.Name() == "index.csv" {
			continue
		}
		_, err := workload.Open(filepath.Join(folder, entry.Name()))
		if err != nil && !strings.Contains(err.Error(), "the header is") {
			t.Errorf("%v", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("t_seconds,requests_per_second\n0,1\n60,2\n300,3\n"))
	f.Add([]byte("t_seconds,input_tokens,output_tokens\n0,1,1\n0,2,2\n1.5,3,3\n"))
	f.Add([]byte("t_seconds,requests_per_second\r\n0,1e9\r\n1e-9,0\r\n3e8,5\r\n"))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := workload.Read("fuzz", bytes.NewReader(data))
		if err != nil {
			return
		}
		// Whatever is accepted can be played.
		end := s.Duration()
		if end <= 0 {
			t.Fatalf("length: got %v, want above 0", end)
		}
		total := s.Expected(end)
		if !(total >= 0) || math.IsInf(total, 0) {
			t.Fatalf("requests: got %v", total)
		}
		arrivals, last := workload.NewArrivals(s, workload.Poisson, 1), time.Duration(0)
		for range 100 {
			at, ok := arrivals.Next()
			if !ok {
				break
			}
			if at < last || at > end {
				t.Fatalf("arrival at %v after one at %v, of %v", at, last, end)
			}
			last = at
		}
		if trace, ok := s.(*workload.Trace); ok {
			wide, err := trace.Rebinned(end)
			if err != nil || math.Abs(wide.Expected(end)-total) > 1e-6*total+1e-6 || len(wide.Gaps()) != len(trace.Gaps()) {
				t.Fatalf("rebinned: got %v, %v, want %v requests and the same gaps", wide, err, total)
			}
			for _, other := range []*workload.Trace{trace.Interpolated(), trace.Smoothed(400)} {
				if n := other.Expected(end); !(n >= 0) || math.IsInf(n, 0) {
					t.Fatalf("requests after a change: got %v", n)
				}
			}
		}
	})
}
