package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/source/prometheus"
)

// backfilled starts a real Prometheus that already holds a past, written with
// promtool from OpenMetrics text.
func backfilled(t *testing.T, openMetrics string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), address: freeAddress(t), args: []string{"--storage.tsdb.retention.time=100y"}}
	for name, content := range map[string]string{"prometheus.yml": "global: {}\n", "past.om": openMetrics} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(testenv.Command(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics",
		filepath.Join(s.dir, "past.om"), filepath.Join(s.dir, "data")).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	s.start()
	t.Cleanup(s.stop)
	s.eventually("Prometheus is ready", func() bool {
		_, err := prometheus.Range(t.Context(), s.url(), "vector(1)", past(0), past(1), time.Second)
		return err == nil
	})
	return s
}

// past is an instant n seconds into the recorded past: the morning of
// 1 September 2026.
func past(n int) time.Time { return time.Unix(1_788_220_800+int64(n), 0) }

// A gauge every 10 s for 36 h: longer than the 11,000 steps that Prometheus
// answers at once, with a hole of an hour in the middle, NaN at five instants,
// and a second series that lives for ten minutes.
func aPast() string {
	out := &strings.Builder{}
	fmt.Fprintln(out, "# TYPE load gauge")
	for i := 0; i < 36*360; i++ {
		if i >= 18*360 && i < 19*360 {
			continue
		}
		value := strconv.Itoa(i)
		if i >= 100 && i < 105 {
			value = "NaN"
		}
		fmt.Fprintf(out, "load{pod=\"a\"} %s %d\n", value, past(10*i).Unix())
	}
	for i := range 60 {
		fmt.Fprintf(out, "load{pod=\"b\"} %d %d\n", 1000+i, past(7200+10*i).Unix())
	}
	fmt.Fprintln(out, "# EOF")
	return out.String()
}

func TestRangeReadsALongPastOfARealServer(t *testing.T) {
	t.Parallel()
	s := backfilled(t, aPast())
	ctx := t.Context()

	t.Run("in parts, each instant once, holes left out", func(t *testing.T) {
		chunks := 0
		h := prometheus.History{Server: s.url(), OnChunk: func(done, all int) { chunks = all }}
		// Only samples of the last 5 s count, so that the hole begins where it does.
		all, err := h.Range(ctx, `last_over_time(load{pod="a"}[5s])`, past(0), past(36*3600-1), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got, err := prometheus.One(all)
		if err != nil {
			t.Fatal(err)
		}
		if chunks != 2 || got.NotFinite != 5 {
			t.Errorf("got %d parts and %d steps without a number, want 2 and 5", chunks, got.NotFinite)
		}
		if want := 35*360 - 5; len(got.Points) != want {
			t.Fatalf("got %d points, want %d", len(got.Points), want)
		}
		for _, p := range got.Points {
			if want := p.At.Sub(past(0)).Seconds() / 10; p.Value != want {
				t.Fatalf("at %v: got %v, want %v", p.At, p.Value, want)
			}
		}
	})
	t.Run("several series in the order of their labels, each with its own life", func(t *testing.T) {
		all, err := prometheus.Range(ctx, s.url(), `load`, past(7205), past(7265), 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		labels := func(pod string) map[string]string { return map[string]string{"__name__": "load", "pod": pod} }
		points := func(a, b float64) []prometheus.Point {
			return []prometheus.Point{{At: past(7230), Value: a}, {At: past(7260), Value: b}}
		}
		want := []prometheus.Series{{Labels: labels("a"), Points: points(723, 726)}, {Labels: labels("b"), Points: points(1003, 1006)}}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if _, err := prometheus.One(all); err == nil || !strings.Contains(err.Error(), `2 series`) || !strings.Contains(err.Error(), `load{pod="b"}`) {
			t.Errorf("one of two: got %v, want an error that names them", err)
		}
	})
	t.Run("what cannot be answered says why", func(t *testing.T) {
		day := 24 * time.Hour
		for query, says := range map[string]string{
			`no_such_metric`:              "no series",
			`sum(`:                        "parse error",
			`load[5m]`:                    "range vector",
			`load{pod="a"} * 0 / 0`:       `{pod="a"} is NaN or infinite all the time`,
			`load{pod="a"} offset 99999d`: "no series",
		} {
			_, err := prometheus.Range(ctx, s.url(), query, past(0), past(86400), time.Hour)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: got %v, want it to say %q", query, err, says)
			}
			if (says == "no series") != errors.Is(err, prometheus.ErrNoSeries) {
				t.Errorf("%s: got %v, ErrNoSeries must be only that there are none", query, err)
			}
		}
		if _, err := prometheus.Range(ctx, s.url(), `load`, past(0).Add(-30*day), past(0).Add(-20*day), time.Hour); !errors.Is(err, prometheus.ErrNoSeries) {
			t.Errorf("before anything was recorded: got %v, want %v", err, prometheus.ErrNoSeries)
		}
	})
}

func TestRangeRefusesWhatCannotBeAsked(t *testing.T) {
	const here = "http://127.0.0.1:9"
	for _, tc := range []struct {
		server, query string
		from, to      time.Time
		step          time.Duration
		says          string
	}{
		{"nonsense", "x", past(0), past(60), time.Second, "server: must begin with http://"},
		{here + "/?a=b", "x", past(0), past(60), time.Second, "server: must not hold a query"},
		{here, "", past(0), past(60), time.Second, "query: must not be empty"},
		{here, "x", past(60), past(0), time.Second, "must end after it begins, got 2026-09-01T00:01:00Z to 2026-09-01T00:00:00Z"},
		{here, "x", past(0), past(60), 0, "step: must be whole milliseconds above 0, got 0s"},
		{here, "x", past(0), past(60), -time.Second, "step: must be"},
		{here, "x", past(0), past(60), 1500 * time.Microsecond, "step: must be"},
		{here, "x", past(1), past(59), time.Minute, "holds no multiple of the step 1m0s"},
		{here, "x", time.Unix(0, 0), past(0), time.Second, "at most 10000000; take a longer step"},
		{here, "x", time.Unix(-5, 0), past(0), time.Hour, "must lie after 1970"},
		{here, "x", past(0), past(60), time.Second, "connection refused"},
	} {
		_, err := prometheus.Range(t.Context(), tc.server, tc.query, tc.from, tc.to, tc.step)
		if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.HasPrefix(err.Error(), "prometheus: range") {
			t.Errorf("%+v: got %v, want it to say %q", tc, err, tc.says)
		}
	}
}

// What is asked for: whole multiples of the step, never more than Prometheus
// answers at once, no instant twice and none left out.
func TestRangeAsksForEachInstantOnce(t *testing.T) {
	var asked []float64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := func(name string) float64 { n, _ := strconv.ParseFloat(r.FormValue(name), 64); return n }
		steps := 0
		for at := number("start"); at <= number("end"); at += number("step") {
			asked = append(asked, at)
			steps++
		}
		if steps > 11_000 || r.Header.Get("X-Scope-Orgid") != "shop" {
			t.Errorf("asked for %d steps as tenant %q, want at most 11000 as shop", steps, r.Header.Get("X-Scope-Orgid"))
		}
		w.Header().Set("Content-Type", jsonType)
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[%s,"1"]]}]}}`, r.FormValue("start"))
	}))
	defer s.Close()
	h := prometheus.History{Server: s.URL, Tenant: "shop"}
	all, err := h.Range(t.Context(), "x", past(3), past(7*25_000+3), 7*time.Second)
	if err != nil || len(all) != 1 || len(all[0].Points) != 3 {
		t.Fatalf("got %v, %v; want one series of 3 points", all, err)
	}
	if len(asked) != 25_000 || math.Mod(asked[0], 7) != 0 || asked[0] < float64(past(3).Unix()) || asked[0] > float64(past(9).Unix()) {
		t.Errorf("asked for %d instants from %v on, want 25000 from the first multiple of 7", len(asked), asked[0])
	}
	for i := 1; i < len(asked); i++ {
		if asked[i] != asked[i-1]+7 {
			t.Fatalf("instant %d: asked for %v after %v", i, asked[i], asked[i-1])
		}
	}
}

func TestRangeTakesNoWrongAnswer(t *testing.T) {
	matrix := func(series string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[` + series + `]}}`
	}
	at := past(0).Unix()
	for name, tc := range map[string]struct{ body, says string }{
		"time goes back":     {matrix(fmt.Sprintf(`{"metric":{},"values":[[%d,"1"],[%d,"2"]]}`, at+20, at+10)), "was not asked for"},
		"an instant twice":   {matrix(fmt.Sprintf(`{"metric":{},"values":[[%d,"1"],[%[1]d,"2"]]}`, at)), "was not asked for"},
		"after the end":      {matrix(fmt.Sprintf(`{"metric":{},"values":[[%d,"1"]]}`, at+70)), "was not asked for"},
		"before the start":   {matrix(fmt.Sprintf(`{"metric":{},"values":[[%d,"1"]]}`, at-10)), "was not asked for"},
		"a histogram":        {matrix(`{"metric":{"a":"b"},"histograms":[[1,{}]]}`), "is a histogram"},
		"an instant vector":  {`{"status":"success","data":{"resultType":"vector","result":[]}}`, "is a vector, want series over time"},
		"part of the data":   {`{"status":"success","warnings":["store 3 is away"],"data":{"resultType":"matrix","result":[]}}`, "may be incomplete"},
		"a number that's no": {matrix(fmt.Sprintf(`{"metric":{},"values":[[%d,"ten"]]}`, at)), "no number"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := prometheus.Range(t.Context(), answering(t, 200, jsonType, tc.body), "x", past(0), past(60), 10*time.Second)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want it to say %q", err, tc.says)
			}
		})
	}
}

func TestRangeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	began := clock.System.Now()
	if _, err := prometheus.Range(ctx, s.URL, "x", past(0), past(60), time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if took := clock.System.Now().Sub(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
