//go:build unix

package remote

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/flyball-io/flyball/balancer"
)

// Versions that end in -anew hand over as on a system where sockets cannot be
// inherited.
const anew = "-anew"

// The old process answers what it has, on connections that live on, while the
// successor takes what is new at the same address.
func TestWithoutInheritanceTheSuccessorOpensTheAddressAnew(t *testing.T) {
	r := newRig(t)
	cfg := testConfig()
	cfg.Listen = freePort(t)
	plane := r.plane("1"+anew, cfg)
	url := "http://" + plane.Address()
	r.backends(serve(t, worker(t)))
	c, _, err := websocket.Dial(t.Context(), url+"/socket", nil)
	r.must(err)
	defer c.CloseNow()
	before := r.info()

	plane = r.plane("2"+anew, cfg)
	if got := r.info(); got.PID == before.PID || got.Version != "2"+anew || got.Address != before.Address {
		t.Errorf("got %+v after %+v, want version 2 at the same address", got, before)
	}
	response, err := http.Get(url)
	r.must(err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the successor answers %s, want it to know the backend", response.Status)
	}
	r.must(say(t.Context(), c, "still here"))
	if n, known := plane.Load("b0"); !known || n != 1 {
		t.Errorf("got %d in progress (known: %v), want the WebSocket of the first process", n, known)
	}
	c.Close(websocket.StatusNormalClosure, "")
	r.eventually("one process is left", func() bool { return len(r.processes()) == 1 })
}

// Nobody serves when the successor does not start; the error says so, and the
// controller starts what was there before.
func TestWithoutInheritanceABrokenSuccessorIsReplacedByTheController(t *testing.T) {
	r := newRig(t)
	cfg := testConfig()
	cfg.Listen = freePort(t)
	plane := r.plane("1"+anew, cfg)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "served") }))
	defer backend.Close()
	r.must(plane.SetBackends(t.Context(), []balancer.Backend{{ID: "b0", Address: backend.Listener.Addr().String()}}))
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- plane.Run(ctx) }()
	defer func() {
		cancel()
		r.must(<-watched)
	}()

	_, err := r.Upgrade(t.Context(), Upgrade{Args: r.program("broken").Args})
	if err == nil || !strings.Contains(err.Error(), "this proxy has ended") {
		t.Errorf("got %v, want an error that says the old one is gone", err)
	}
	r.eventually("the controller starts it again with its backends", func() bool {
		response, err := http.Get("http://" + cfg.Listen)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}
