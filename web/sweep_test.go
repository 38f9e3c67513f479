package web_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/web"
)

// dice throws requests that are almost right.
type dice struct{ *rand.Rand }

func (d dice) of(words ...string) string { return words[d.IntN(len(words))] }

// number is one that somebody forgot to think of.
func (d dice) number() string {
	return d.of("0", "1", "-1", "2000", "2001", "946684815000", "9007199254740991", "9223372036854775807", "9223372036854775808", "1e3", "0x10", "NaN", " 7", "٣",
		fmt.Sprint(d.Int64()), fmt.Sprint(d.IntN(1000)))
}

func (d dice) time() string {
	return d.of("2000-01-01T00:00:00Z", "2000-01-01T00:00:15Z", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59",
		"1969-12-31T23:59:59Z", "2000-02-30T00:00:00Z", "now", "946684800", "1677-09-21T00:12:43Z", "2262-04-11T23:47:17Z", "0000-01-01T00:00:00Z")
}

func (d dice) text() string {
	return d.of("", "shop", "zoo", "nope", "*", ".", "..", "%2e%2e", "a%00b", "%ff%fe", "<script>", "shop%2fseries", strings.Repeat("a", 300), "all", "changes", "held", "Held")
}

func (d dice) path() string {
	paths := []string{"/", "/index.html", "/api/", "/api/v1/", "/api/v1/targets", "/api/v1/targets/", "/api/v1/targets/" + d.text(), "/api/v1/targets/shop",
		"/api/v1/targets/shop/series", "/api/v1/targets/shop/decisions", "/api/v1/targets/" + d.text() + "/decisions", "/api/v1/targets/shop/decisions/" + d.number(),
		"/api/v1/targets/shop/decisions/" + d.text(), "/api/v1/targets/shop/mode", "/api/v1/targets/" + d.text() + "/mode", "/api/v1/events", "/api/v1/openapi.json",
		"/healthz", "/readyz", "/metrics", "/version", "/login", "/logout", "/../../etc/passwd", "//api/v1/targets", "/" + d.text()}
	path := paths[d.IntN(len(paths))]
	var query []string
	for range d.IntN(4) {
		name := d.of("since", "until", "from", "to", "step", "limit", "before", "filter", "target", "after", "token", "x")
		value := d.of(d.number(), d.time(), d.text(), d.of("1s", "5m", "0s", "-1h", "1ns", "9999d", "106751d", "1e9s"))
		query = append(query, name+"="+value)
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E").Replace(path)
}

func (d dice) body() string {
	return d.of("", "{}", "[]", "null", `{"mode":"Paused"}`, `{"mode":"Paused","until":"`+d.time()+`"}`, `{"mode":"Apply","reason":"`+d.text()+`"}`, `{"mode":7}`, `{"mode":"Apply"`,
		`{"mode":"Apply","mode":"Paused"}`, "\x00\xff", "token="+annSecret, "token="+d.text(), strings.Repeat("[", 4000), strings.Repeat("x", 5000), `{"reason":"`+strings.Repeat("x", 5000)+`"}`)
}

func (d dice) request() *http.Request {
	r := httptest.NewRequest(d.of("GET", "GET", "GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "OPTIONS", "BREW"), d.path(), strings.NewReader(d.body()))
	r.RemoteAddr = d.of("192.0.2.1:1", "[2001:db8::1]:1", "nonsense", "@")
	r.Header.Set("Content-Type", d.of("application/json", "application/x-www-form-urlencoded"))
	for range d.IntN(4) {
		r.Header.Set(d.of("Content-Type", "Accept", "Authorization", "Cookie", "Origin", "Sec-Fetch-Site", "X-Flyball-User", "Accept-Encoding", "If-None-Match"),
			d.of("application/json", "application/json; charset=utf-8", ";", "application/x-www-form-urlencoded", "Bearer "+annSecret, "Bearer "+annSecret, "Bearer x", "Basic x", "flyball-session=AAAA",
				"text/html", "same-origin", "cross-site", "null", "http://evil.example", "gzip", "\xff", strings.Repeat("x", 5000)))
	}
	return r
}

// Whatever comes, the answer is one that the document allows, and never that
// something inside went wrong.
func TestNoRequestMakesItStumble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := written(t, recorded(200)...)
		guardedRig, o, _ := guarded(t)
		defer guardedRig.stop()
		openOperator := &operator{info: shop()}
		openRig := newRigWith(t, web.Options{Targets: []web.TargetInfo{shop()}, Actions: openOperator, Store: store})
		defer openRig.stop()
		openOperator.server = openRig.server
		codes := map[int]int{}
		for i := range 6000 {
			r, throw := openRig, dice{rand.New(rand.NewPCG(7, uint64(i)))}
			if i%3 == 0 {
				r = guardedRig
			}
			if i%500 == 0 {
				time.Sleep(time.Minute) // wrong tokens are forgotten
			}
			request := throw.request()
			method, path := request.Method, request.RequestURI
			w := httptest.NewRecorder()
			r.http.ServeHTTP(w, request)
			codes[w.Code]++
			if starting := strings.HasPrefix(path, "/readyz"); w.Code >= 500 && (w.Code != 503 || !starting) {
				t.Errorf("request %d, %s %s: %d %s", i, method, path, w.Code, w.Body)
			}
			if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect {
				continue // the mux cleans the path
			}
			if err := r.contract.check(method, path, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Errorf("request %d, %s %s: %v", i, method, path, err)
			}
		}
		for _, code := range []int{200, 303, 400, 401, 403, 404, 405, 413, 415} {
			if codes[code] == 0 {
				t.Errorf("no answer with %d: the dice are loaded", code)
			}
		}
		for _, by := range append(o.by, openOperator.by...) {
			if len([]rune(by)) > 100 || strings.ContainsAny(by, "\n\r\x00") {
				t.Errorf("somebody acted as %q", by)
			}
		}
	})
}

// A client that promises a body and does not send it holds its connection no
// longer than it takes to notice, whether or not anybody wants the body.
func TestABodyThatNeverComesIsGivenUp(t *testing.T) {
	clk := &hurried{clock.System, 9*time.Second + 500*time.Millisecond} // so that the test need not wait
	o := &operator{info: shop()}
	s := web.New(web.Options{Bus: memory.New(), Clock: clk, Targets: []web.TargetInfo{shop()}, Actions: o})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	for request, want := range map[string]int{"PUT " + modePath: 400, "POST /login": 303, "GET /healthz": 200, "DELETE /api/v1/targets": 405} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", request)
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", request, err)
			continue
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s with half a body: %s, want %d", request, answer.Status, want)
		}
	}
	if len(o.by) > 0 {
		t.Errorf("half a body was acted on by %q", o.by)
	}
}

// hurried is a clock that is behind, so that deadlines come sooner.
type hurried struct {
	clock.Clock
	behind time.Duration
}

func (h *hurried) Now() time.Time { return h.Clock.Now().Add(-h.behind) }
