package notify

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

func TestACloudEventSaysWhatHappenedAndWhy(t *testing.T) {
	url, taken := receiver(t, nil)
	r := run(t, memory.New(), Config{Source: "/flyball/shop", Receivers: []Receiver{cloudEvents("hook", url)}}, nil)
	r.scaled("web", 3, 5, start0())
	g := take(t, taken)
	var e map[string]any
	if err := json.Unmarshal(g.body, &e); err != nil {
		t.Fatal(err)
	}
	id, _ := e["id"].(string)
	if len(id) != 32 || g.header.Get("webhook-id") != id {
		t.Errorf("id: got %q, and webhook-id %q, want 32 digits twice", id, g.header.Get("webhook-id"))
	}
	if got := g.header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("Content-Type: got %q", got)
	}
	want := map[string]any{
		"specversion": "1.0", "id": id, "source": "/flyball/shop", "type": "io.flyball.scaled-up.v1", "subject": "web",
		"time": "2026-03-01T12:00:00Z", "datacontenttype": "application/json", "severity": "info",
		"data": map[string]any{
			"id": id, "type": "ScaledUp", "group": "scaling", "severity": "info", "resolved": false, "target": "web", "at": "2026-03-01T12:00:00Z",
			"message": "3 → 5 replicas", "from": 3.0, "to": 5.0, "reason": "90 requests/s need 5 replicas",
		},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestBinaryModePutsTheAttributesIntoHeaders(t *testing.T) {
	url, taken := receiver(t, nil)
	hook := cloudEvents("hook", url)
	hook.CloudEvents.Mode = "binary"
	r := run(t, memory.New(), Config{Receivers: []Receiver{hook}}, nil)
	r.event(control.ConditionBegan, "web", "CrashLoop: replicas fail", start0())
	g := take(t, taken)
	var d Data
	if err := json.Unmarshal(g.body, &d); err != nil {
		t.Fatal(err)
	}
	if d.Condition != "CrashLoop" || d.Severity != Critical || d.From != nil {
		t.Errorf("data: got %+v, want the critical condition CrashLoop without counts", d)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": d.ID, "Ce-Source": "/flyball", "Ce-Subject": "web",
		"Ce-Type": "io.flyball.condition-began.v1", "Ce-Time": "2026-03-01T12:00:00Z", "Ce-Severity": "critical",
	} {
		if got := g.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Headers hold what the HTTP binding does not encode, and the rest in percent.
func TestHeadersOfBinaryModeAreEncoded(t *testing.T) {
	e := envelope{source: "/flyball/50% \"é\"", mode: binary}
	m, err := e.write([]News{{ID: "1", Type: control.ModeChanged, Target: "a/b:c d", At: start0()}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ce-source": "/flyball/50%25%20%22%C3%A9%22", "ce-subject": "a/b:c%20d"} {
		if got := m.header[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// What concerns the controller itself is of no target.
func TestTheControllerIsNoTarget(t *testing.T) {
	own := News{Type: control.ReloadRefused, At: start0()}
	s := sumUp([]News{own, {Type: control.ModeChanged, Target: "shop", At: start0()}}, 0)
	if diff := cmp.Diff([]string{"shop"}, s.Targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if s := sumUp([]News{own}, 1); s.Targets == nil || len(s.Targets) != 0 {
		t.Errorf("targets: got %#v, want an empty list", s.Targets)
	}
	if got, want := moreOf([]News{own}, 0), "1 more change"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestForeignWordsAreNoLinks(t *testing.T) {
	if got, want := escape("![x](http://h/x.png)"), "![x]\u200b(http://h/x.png)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A receiver that is slow, asks to be asked later, fails or is away for a while
// gets everything once it can, and each in its order.
func TestWhatAReceiverCannotTakeComesAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, nth int) bool
		least  time.Duration // until the first is taken
	}{
		{"slow", func(http.ResponseWriter, *http.Request, int) bool { time.Sleep(300 * time.Millisecond); return true }, 300 * time.Millisecond},
		{"429 with Retry-After", func(w http.ResponseWriter, _ *http.Request, nth int) bool {
			if nth == 0 {
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return nth > 0
		}, 2 * time.Second},
		{"500 twice", func(w http.ResponseWriter, _ *http.Request, nth int) bool {
			if nth < 2 {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return nth >= 2
		}, 1500 * time.Millisecond},
		{"the connection breaks", func(w http.ResponseWriter, _ *http.Request, nth int) bool {
			if nth == 0 {
				panic(http.ErrAbortHandler)
			}
			return true
		}, 500 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url, taken := receiver(t, tc.answer)
			r := run(t, memory.New(), Config{Receivers: []Receiver{cloudEvents("hook", url)}}, nil)
			begun := time.Now()
			r.event(control.ModeChanged, "web", "first", start0())
			r.event(control.ModeChanged, "web", "second", start0())
			if got := take(t, taken).data(t).Message; got != "first" {
				t.Errorf("got %q, want first", got)
			}
			if took := time.Since(begun); took < tc.least {
				t.Errorf("taken after %v, want %v at the soonest", took, tc.least)
			}
			if got := take(t, taken).data(t).Message; got != "second" {
				t.Errorf("got %q, want second", got)
			}
			if err := r.stop(); err != nil || r.counts.get(Sent) != 2 || r.counts.all() != 2 {
				t.Errorf("got %v, counts %v, want 2 sent", err, r.counts.of)
			}
		})
	}
}

func TestAReceiverThatWasGoneIsToldWhenItIsBack(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	r := run(t, memory.New(), Config{Receivers: []Receiver{cloudEvents("hook", "http://"+address+"/x")}}, nil)
	r.event(control.ModeChanged, "web", "told", start0())
	for end := time.Now().Add(30 * time.Second); !strings.Contains(r.log.String(), "notifications wait"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nothing was logged: %s", r.log)
		}
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	taken := make(chan got, 10)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { taken <- got{path: req.URL.Path} })}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	take(t, taken)
	if err := r.stop(); err != nil || !strings.Contains(r.log.String(), "delivered again") {
		t.Errorf("got %v, log %s, want it to say that it is over", err, r.log)
	}
}

// Whatever is refused is given up, and what comes after it is told. A redirect is
// not followed: nobody else may read what is sent.
func TestWhatIsRefusedIsGivenUp(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	url, taken := receiver(t, func(w http.ResponseWriter, r *http.Request, nth int) bool {
		switch nth {
		case 0:
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case 1:
			http.Error(w, "invalid_payload", http.StatusBadRequest)
		}
		return nth > 1
	})
	r := run(t, memory.New(), Config{Receivers: []Receiver{cloudEvents("hook", url)}}, nil)
	for _, message := range []string{"one", "two", "three"} {
		r.event(control.ModeChanged, "web", message, start0())
	}
	if got := take(t, taken).data(t).Message; got != "three" {
		t.Errorf("got %q, want three", got)
	}
	_ = r.stop()
	if r.counts.get(Failed) != 2 || r.counts.get(Sent) != 1 {
		t.Errorf("got %v, want 2 failed and 1 sent", r.counts.of)
	}
	if !strings.Contains(r.log.String(), "redirect is not followed") {
		t.Errorf("log: %s", r.log)
	}
}

// One receiver that hangs keeps nothing from another, nor from who decides, nor
// the end.
func TestAReceiverThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging, _ := receiver(t, func(http.ResponseWriter, *http.Request, int) bool { <-release; return false })
	defer close(release) // before its server is closed
	url, taken := receiver(t, nil)
	r := run(t, memory.New(), Config{Receivers: []Receiver{cloudEvents("hangs", hanging), cloudEvents("works", url)}}, nil)
	for i := range 50 {
		r.scaled("web", i, i+1, start0().Add(time.Duration(i)*time.Second))
	}
	for i := range 50 {
		if got := take(t, taken).data(t); *got.To != i+1 {
			t.Fatalf("got %+v, want a change to %d", got, i+1)
		}
	}
	begun := time.Now()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > lastWord+4*time.Second {
		t.Errorf("the end took %v, want %v", took, lastWord)
	}
}

func TestSlackGetsTextAndBlocks(t *testing.T) {
	url, taken := receiver(t, nil)
	wait := scale.Duration(300 * time.Millisecond)
	ops := Receiver{Name: "ops", Slack: &Slack{URL: scale.Secret(url + "/services/T0/B0/xyz")}, Coalesce: &wait}
	r := run(t, memory.New(), Config{Receivers: []Receiver{ops}}, nil)
	r.scaled("web", 3, 4, start0())
	r.scaled("web", 4, 6, start0().Add(time.Second))
	r.event(control.ConditionBegan, "cart", "CrashLoop: <!channel> exit 1 && @all", start0())
	r.event(control.ConditionEnded, "cart", "CrashLoop is over", start0().Add(time.Second))
	g := take(t, taken)
	if g.path != "/services/T0/B0/xyz" || g.header.Get("Content-Type") != "application/json" || g.header.Get("webhook-id") != "" {
		t.Errorf("got path %s, header %v", g.path, g.header)
	}
	var m map[string]any
	if err := json.Unmarshal(g.body, &m); err != nil {
		t.Fatal(err)
	}
	section := func(text string) any {
		return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}}
	}
	// Changes and events come by different ways, in no order.
	changed, began, ended := "▲ *web* 3 → 6 replicas in 2 changes: 90 requests/s need 6 replicas",
		"🔴 *cart* CrashLoop: &lt;!channel&gt; exit 1 &amp;&amp; @\u200ball", "✅ *cart* CrashLoop is over"
	blocks := fmt.Sprint(m["blocks"])
	if got := m["blocks"].([]any); len(got) != 3 {
		t.Errorf("got %d blocks, want 3: %v", len(got), got)
	}
	for _, want := range []string{changed, began, ended} {
		if !strings.Contains(blocks, fmt.Sprint(section(want))) {
			t.Errorf("blocks %s lack %q", blocks, want)
		}
		if line := strings.Replace(strings.Replace(want, " *", " ", 1), "* ", ": ", 1); !strings.Contains(m["text"].(string), line) {
			t.Errorf("text %q lacks %q", m["text"], line)
		}
	}
	if m["unfurl_links"] != false || m["unfurl_media"] != false {
		t.Errorf("links of foreign words are looked at: %v", m)
	}
}

// No address, token or key shows up in a log, an error, or in print of any kind.
func TestSecretsAreTold_ToNobody(t *testing.T) {
	t.Parallel()
	const path, query, token, key = "T00SECRETPATH", "q=SECRETQUERY", "SECRETTOKEN", "whsec_U0VDUkVUS0VZc2VjcmV0a2V5c2VjcmV0a2V5"
	answers := []func(w http.ResponseWriter, r *http.Request){
		func(w http.ResponseWriter, r *http.Request) { // tells everything it was sent
			body := fmt.Sprint(r.URL.String(), " ", r.Header)
			http.Error(w, body, http.StatusBadRequest)
		},
		func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String()+"x", http.StatusFound)
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	var receivers []Receiver
	for i, answer := range answers {
		server := httptest.NewServer(http.HandlerFunc(answer))
		t.Cleanup(server.Close)
		url := scale.Secret(server.URL + "/services/" + path + "?" + query)
		hook := Receiver{Name: fmt.Sprintf("hook-%d", i), CloudEvents: &CloudEvents{URL: url, SigningKeys: []scale.Secret{key}, Auth: webclient.Auth{BearerToken: token}}}
		receivers = append(receivers, hook, Receiver{Name: fmt.Sprintf("chat-%d", i), Slack: &Slack{URL: url}, Coalesce: none()})
	}
	gone := Receiver{Name: "gone", Slack: &Slack{URL: scale.Secret("http://127.0.0.1:1/services/" + path + "?" + query)}, Coalesce: none()}
	cfg := Config{Source: DefaultSource, Receivers: append(receivers, gone)}
	r := run(t, memory.New(), cfg, nil)
	r.event(control.ModeChanged, "web", "x", start0())
	for end := time.Now().Add(30 * time.Second); strings.Count(r.log.String(), "receiver=") < len(cfg.Receivers); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not every receiver failed: %s", r.log)
		}
	}
	_ = r.stop()
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	file := "receivers: [{name: a, slack: {url: 'ftp://h/" + path + "?" + query + "'}}, {name: b, cloudEvents: {url: 'http://h/', bearerToken: \"" + token + "\\n\", signingKeys: [" + path + "]}}," +
		"{name: c, slack: {url: [" + path + "]}}]"
	_, parsed := Parse("x.yaml", []byte(file), nil)
	if parsed == nil || !strings.Contains(parsed.Error(), "url: must begin with http") {
		t.Errorf("got %v, want an error about the address", parsed)
	}
	told := strings.Join([]string{r.log.String(), string(asJSON), fmt.Sprintf("%v %+v %#v", cfg.Receivers[0].CloudEvents, cfg.Receivers[1].Slack, cfg.Receivers[1].Slack)}, "\n")
	for _, secret := range []string{path, "SECRETQUERY", token, key, key[6:]} {
		if strings.Contains(told, secret) {
			t.Errorf("%s is told: %s", secret, told)
		}
	}
	for _, secret := range []string{"SECRETQUERY", token} {
		if strings.Contains(parsed.Error(), secret) {
			t.Errorf("%s is told: %v", secret, parsed)
		}
	}
}

// A receiver whose address is corrected is sent what waited for it, in its order,
// and what was being tried again too.
func TestACorrectedAddressIsSentWhatWaited(t *testing.T) {
	tried := make(chan bool, 100)
	wrong, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		tried <- true
		return false
	})
	right, taken := receiver(t, nil)
	r := run(t, memory.New(), Config{Receivers: []Receiver{cloudEvents("hook", wrong)}}, nil)
	for i := range 5 {
		r.event(control.ModeChanged, "web", fmt.Sprint("n", i), start0())
	}
	<-tried
	if err := r.SetConfig(Config{Source: DefaultSource, Receivers: []Receiver{cloudEvents("hook", right)}}); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if got, want := take(t, taken).data(t).Message, fmt.Sprint("n", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := r.stop(); err != nil || r.counts.get(Sent) != 5 || r.counts.all() != 5 || len(tried) != 0 {
		t.Errorf("got %v, counts %v, %d more for the wrong address, want 5 sent and none", err, r.counts.of, len(tried))
	}
}

// What a receiver quotes of its own address is hidden too, piece by piece.
func TestAPieceOfAnAddressIsNotTold(t *testing.T) {
	for piece, hidden := range map[string]bool{
		"XXXXSECRETXXXX": true, "a secret/token": true, "a%20secret%2Ftoken": true, "QUERYSECRET=": true, "QUERYSECRET%3D": true, "LONESECRET": true,
		"T000": false,
	} {
		url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			http.Error(w, `{"message":"no webhook `+piece+` here"}`, http.StatusNotFound)
			return false
		})
		chat := Receiver{Name: "ops", Slack: &Slack{URL: scale.Secret(url + "/T000/XXXXSECRETXXXX/a%20secret%2Ftoken?key=QUERYSECRET%3D&LONESECRET")}}
		err := Try(t.Context(), Config{}, chat, clock.System)
		if err == nil || strings.Contains(err.Error(), piece) == hidden || !strings.Contains(err.Error(), "no webhook") {
			t.Errorf("%s: got %v, want hidden: %v", piece, err, hidden)
		}
	}
}

// An address in a file is read for each message: it may be replaced.
func TestAFileIsReadForEachMessage(t *testing.T) {
	first, fromFirst := receiver(t, nil)
	second, fromSecond := receiver(t, nil)
	file := filepath.Join(t.TempDir(), "url")
	write := func(url string) {
		if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	r := run(t, memory.New(), Config{Receivers: []Receiver{{Name: "hook", CloudEvents: &CloudEvents{URLFile: file}}}}, nil)
	r.event(control.ModeChanged, "web", "one", start0())
	take(t, fromFirst)
	write(second)
	r.event(control.ModeChanged, "web", "two", start0())
	take(t, fromSecond)
}
