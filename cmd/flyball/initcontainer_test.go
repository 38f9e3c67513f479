package main

import (
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/discover"
)

// The engine has a process for each family of addresses of a port; people know
// the container.
func TestAContainerIsListedOnceByItsName(t *testing.T) {
	proxy := func(pid int) discover.Service {
		return discover.Service{Listener: discover.Listener{Port: 8085, Process: discover.Process{PID: pid, Command: []string{"/usr/sbin/docker-proxy", "-proto", "tcp"}}}}
	}
	web := discover.Service{Listener: discover.Listener{Port: 8085, Process: discover.Process{PID: 9, Command: []string{"web"}}}}
	services := oncePublished([]discover.Service{proxy(1), proxy(2), web})
	if len(services) != 2 || services[0].Process.PID != 1 || services[1].Process.PID != 9 {
		t.Fatalf("got %+v, want the first of the two and what is no container's", services)
	}
	var out strings.Builder
	printFound(&out, services, map[int]string{8085: "web"}, nil)
	if !strings.Contains(out.String(), "port 8085   container web (") || strings.Contains(out.String(), "docker-proxy") {
		t.Errorf("got %q, want container web", out.String())
	}
}
