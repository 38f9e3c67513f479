package replicas

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

func TestProberWantsSeveralFailuresInARow(t *testing.T) {
	p := &Prober{Probing: Probing{FailureThreshold: 3}}
	for i, step := range []struct{ ok, want bool }{
		{false, false}, {true, true}, {false, true}, {false, true}, {true, true},
		{false, true}, {false, true}, {false, false}, {false, false}, {true, true},
	} {
		if got := p.judge(step.ok); got != step.want {
			t.Errorf("step %d: probe %v makes it ready %v, want %v", i, step.ok, got, step.want)
		}
	}
}

// What a probe finds is said in words that tell what to do.
func TestProberSaysWhatItFinds(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/nowhere", http.StatusFound)
		case "/hangs":
			<-hang
		case "/nowhere":
			w.WriteHeader(http.StatusNotFound)
		case "/ill":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	defer close(hang)
	address := server.Listener.Addr().String()
	for _, test := range []struct{ path, address, want string }{
		{"", address, ""},
		{"/", address, ""},
		{"/moved", address, ""},
		{"/ill", address, "GET /ill on " + address + " answers 503"},
		{"/hangs", address, "does not answer within 200ms"},
		{"", closedPort(t), "the port of the test"},
		{"/", closedPort(t), "the port of the test"},
	} {
		p := NewProber(clock.System, Probing{Path: test.path, Timeout: 200 * time.Millisecond, Port: "the port of the test"}, test.address, false, false)
		found := p.Once(context.Background())
		if found.Ready != (test.want == "") || !strings.Contains(found.Why, test.want) {
			t.Errorf("%q on %s: %+v, want %q", test.path, test.address, found, test.want)
		}
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
