package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/prometheus"
)

// answering is a server that answers every request the same way.
func answering(t *testing.T, status int, contentType, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "https://user:pass@sso.test/login?token=abc")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const jsonType = "application/json; charset=utf-8"

func TestWrongAnswersAreFaults(t *testing.T) {
	vector := func(v string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},` + v + `}]}}`
	}
	for _, tc := range []struct {
		name, contentType, body string
		status                  int
		says                    []string
	}{
		{"a login page", "text/html", "<html>Please log in " + strings.Repeat("x", 5000), 200, []string{"a web page", "a login page"}},
		{"a redirect to one", "text/html", "", 302, []string{"302", "redirects are not followed"}},
		{"nginx without a server behind it", "text/html", "<h1>502 Bad Gateway</h1>", 502, []string{"502"}},
		{"garbage", "application/octet-stream", "\x00\xff\x1b[31m" + strings.Repeat("y", 9000), 200, []string{"application/octet-stream"}},
		{"truncated JSON", jsonType, vector(`"value":[1,"2"]`)[:60], 200, []string{"broken JSON"}},
		{"JSON of somebody else", jsonType, `{"ok":true}`, 200, []string{"not as the API of Prometheus"}},
		{"an error of the server", jsonType, `{"status":"error","errorType":"execution","error":"` + strings.Repeat("long ", 999) + `"}`, 422, []string{"422", "execution", "long"}},
		{"not found", jsonType, `{"status":"success"}`, 404, []string{"404"}},
		{"a value that is no number", jsonType, vector(`"value":[1700000000,"ten"]`), 200, []string{"no number"}},
		{"a time that is none", jsonType, vector(`"value":["x","1"]`), 200, []string{"broken vector"}},
		{"a histogram", jsonType, vector(`"histogram":[1700000000,{}]`), 200, []string{"histogram_quantile"}},
		{"a matrix", jsonType, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, 200, []string{"matrix"}},
		{"part of the data", jsonType, `{"status":"success","warnings":["store 3 is away"],"data":{"resultType":"vector","result":[]}}`, 200, []string{"incomplete", "store 3 is away"}},
		{"far too much", jsonType, `"` + strings.Repeat("z", 11<<20) + `"`, 200, []string{"more than the allowed 10485760 bytes"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			made := asking(t, answering(t, tc.status, tc.contentType, tc.body), "vector(1)", nil)
			fails(t, made, tc.says...)
			if _, err := made.Collect(t.Context()); strings.ContainsAny(err.Error(), "\x00\x1b\n") || strings.Contains(err.Error(), "token=abc") || strings.Contains(err.Error(), "pass@") {
				t.Errorf("the error holds what it must not: %q", err)
			}
		})
	}
}

func TestSlowAndCutOffAnswers(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	released := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}))
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"status":`)
	}))
	hasty := asking(t, hanging.URL, "vector(1)", func(c *prometheus.Config) { c.Timeout = scale.Duration(50 * time.Millisecond) })
	began := clock.System.Now()
	fails(t, hasty, "no complete answer within 50ms")
	if took := clock.System.Now().Sub(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	fails(t, asking(t, cut.URL, "vector(1)", nil), "cut off", "unexpected EOF")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hasty.Collect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	close(released)
	hanging.Close()
	cut.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// fixed is a clock that stands still.
type fixed struct {
	clock.Clock
	now time.Time
}

func (f fixed) Now() time.Time { return f.now }

// The server's clock is 1 h off; the measurement is 30 s old by its clock.
func TestAServerWithAnotherClock(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour, 0} {
		now := time.Unix(1_800_000_000, 0)
		asked := now.Add(off).Unix()
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			value := `{"metric":{},"value":[%d,"7"]}`
			if r.FormValue("time") != "" {
				value = `{"metric":{"flyball_input":"0"},"value":[%[1]d,"` + fmt.Sprint(asked-30) + `"]}`
			}
			fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[`+value+`]}}`, asked)
		}))
		cfg := prometheus.Default()
		cfg.Server, cfg.Query = s.URL, "queue_depth"
		made, err := prometheus.New("x", cfg, source.Env{Clock: fixed{now: now}})
		if err != nil {
			t.Fatal(err)
		}
		samples, err := made.Collect(t.Context())
		if err != nil || len(samples) != 1 || !samples[0].At.Equal(now.Add(-30*time.Second)) || samples[0].Value != 7 {
			t.Errorf("%v ahead: got %+v, %v; want 7, measured 30 s before %v", off, samples, err, now)
		}
		s.Close()
	}
}
