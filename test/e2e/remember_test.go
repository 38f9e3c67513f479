package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/flyball-io/flyball/web"
)

// act asks the API for something and fails the test unless it is done.
func (c *controller) act(method, path, body string) {
	c.t.Helper()
	request, err := http.NewRequest(method, c.dashboard+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %s", method, path, response.Status)
	}
}

// heldByCooldown waits until the count is held by the cooldown, and fails the test
// where it is another one meanwhile.
func (c *controller) heldByCooldown(name string, count int) web.TargetView {
	c.t.Helper()
	var view web.TargetView
	eventually(c.t, patience, "the cooldown holds", func() bool {
		view, _ = c.target(name)
		if view.Decision.To != count {
			c.t.Fatalf("%d set by %s (%s), want %d", view.Decision.To, view.Decision.SetBy, view.Decision.Reason, count)
		}
		return view.Decision.SetBy == "cooldown"
	}, sprint(func() any { return view.Decision }))
	return view
}

// A controller that is killed and started again has forgotten nothing: the
// history, the pause somebody set, and the cooldown that a change began.
func TestRunRemembersOverAKill(t *testing.T) {
	p := newPlace(t)
	m := p.metrics()
	m.jobs.Store(8)
	text := p.jobDocument(freePort(t), m.front.URL) + "  cooldown: {scaleDown: 10m}\n"
	file := p.write("shop.yaml", text)
	c := p.control("-f", file)
	c.untilReady("shop", 4)
	m.jobs.Store(2)
	// Until Prometheus knows of it, the count is what the old value asks for.
	view := c.heldByCooldown("shop", 4)
	c.act(http.MethodPut, "/api/v1/targets/shop/mode", `{"mode":"Paused","reason":"test"}`)
	began := view.LastChange.At
	c.signal(syscall.SIGKILL)
	<-c.exited

	c = p.control("-f", file)
	c.decidesOn("shop")
	// Until Prometheus has answered there is no data, and the count is held.
	view = c.heldByCooldown("shop", 4)
	if view.Mode != "Paused" || view.Override == nil || view.Override.Reason != "test" {
		t.Errorf("after the kill: mode %s, override %+v; want the pause", view.Mode, view.Override)
	}
	if view.LastChange == nil || view.LastChange.At != began {
		t.Errorf("after the kill: last change %+v, want that at %s", view.LastChange, fmt.Sprint(began))
	}
	m.jobs.Store(16)
	c.decidesOn("shop")
	if n := len(p.replicas("shop")); n != 4 {
		t.Errorf("%d replicas while paused, want 4", n)
	}
	c.act(http.MethodDelete, "/api/v1/targets/shop/mode", "")
	c.untilReady("shop", 8)
	c.ends(syscall.SIGTERM, 0)
}
