package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// well reports whether something answers at a port.
func well(port int) bool {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// The way of docs/quickstart.md: a service runs, init writes a document for
// it, doctor and plan look at it, run takes the port over. Then the controller
// dies; stop shows what runs on and ends it.
func TestANewcomersWay(t *testing.T) {
	p := newPlace(t)
	port := freePort(t)
	service := p.startIn([]string{fmt.Sprintf("PORT=%d", port)}, "sample-app")
	eventually(t, patience, "the service runs", func() bool { return well(port) }, func() string { return "" })

	file := filepath.Join(p.dir, "shop.yaml")
	written := p.run("init", "--port", fmt.Sprint(port), "--name", "shop", "--prometheus", "none", "-o", file)
	if written.status != 0 {
		t.Fatalf("init: status %d, want 0", written.status)
	}
	doctor := p.run("doctor", "-f", file, "--state-dir", p.state(), "--server", fmt.Sprintf("http://127.0.0.1:%d", freePort(t)))
	if doctor.status != 0 || !strings.Contains(doctor.stdout.String(), "looks like the service itself") {
		t.Errorf("doctor: status %d, want 0 and a note about the port", doctor.status)
	}
	plan := p.run("plan", "-f", file, "--state-dir", p.state())
	if !strings.Contains(plan.stdout.String(), "shop  0 → 1") {
		t.Errorf("plan: want shop 0 → 1, got\n%s", plan.stdout)
	}
	service.ends(syscall.SIGTERM, 0)

	controller := p.start("run", "-f", file, "--state-dir", p.state(), "--listen", "127.0.0.1:0")
	server := "http://" + controller.says(0, `dashboard=http://(\S+)`)
	p.settled("shop", 1)
	eventually(t, patience, "the service answers behind the balancer", func() bool { return well(port) }, func() string { return "" })
	eventually(t, patience, "explain has a reason", func() bool {
		return strings.HasPrefix(p.run("explain", "--server", server).stdout.String(), "shop ")
	}, func() string { return "" })
	if pause := p.run("pause", "shop", "--for", "1h", "--server", server); !strings.HasPrefix(pause.stdout.String(), "shop is paused") {
		t.Errorf("pause: got %s%s", pause.stdout, pause.stderr)
	}
	if stop := p.run("stop", "shop", "--yes", "--state-dir", p.state()); stop.status != 1 || !strings.Contains(stop.stderr.String(), "a controller looks after it") {
		t.Errorf("stop beside the controller: status %d and %s, want it refused", stop.status, stop.stderr)
	}

	controller.ends(syscall.SIGKILL, -1)
	if list := p.run("stop", "--state-dir", p.state()); !strings.Contains(list.stdout.String(), "none: flyball stop shop ends it") {
		t.Errorf("stop lists\n%s, want shop without a controller", list.stdout)
	}
	if stop := p.run("stop", "shop", "--yes", "--state-dir", p.state()); stop.status != 0 || !strings.HasPrefix(stop.stdout.String(), "shop: ended (1 replica, balancer process") {
		t.Errorf("stop: status %d, %s%s", stop.status, stop.stdout, stop.stderr)
	}
	if well(port) || len(p.replicas("shop")) != 0 {
		t.Errorf("after stop there are still %v", p.replicas("shop"))
	}
}
