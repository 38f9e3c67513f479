// Package discover looks at what runs on this machine: who listens on which
// port, which of them speak HTTP, and what a Prometheus knows of them. It only
// looks; flyball init turns what it finds into a document, flyball doctor says
// who holds a port.
package discover

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ErrUnsupported is returned where the system does not show who listens.
var ErrUnsupported = errors.New("only Linux shows which processes listen")

// Listener is a port of this machine on which a process takes connections.
type Listener struct {
	Address netip.Addr // unspecified: every address
	Port    int
	Process Process // zero where it belongs to another user
}

// Process is a running program.
type Process struct {
	PID     int
	Name    string   // as the kernel has it
	Command []string // as it was started
	// Executable is the file that runs; "" where it cannot be seen.
	Executable string
	Dir        string
	Env        []string // key=value
	Unit       string   // of systemd, "" when it is none
}

// URL is where the listener is reached from this machine.
func (l Listener) URL() string {
	host := l.Address
	switch {
	case host.Is4() && host.IsUnspecified():
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case host.IsUnspecified():
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1}) // such a port takes both families
	}
	return "http://" + net.JoinHostPort(host.String(), strconv.Itoa(l.Port))
}

// Listeners lists who listens on TCP ports, by port. A port that is open on
// several addresses of one process is listed once.
func Listeners() ([]Listener, error) {
	all, err := listeners()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Process.PID, b.Process.PID), b.Address.Compare(a.Address))
	})
	return slices.CompactFunc(all, func(a, b Listener) bool { return a.Port == b.Port && a.Process.PID == b.Process.PID }), nil
}

// Holder says who listens on a port; false when nobody does or it cannot be
// seen.
func Holder(port int) (Process, bool) {
	all, err := Listeners()
	if err != nil {
		return Process{}, false
	}
	for _, l := range all {
		if l.Port == port {
			return l.Process, true
		}
	}
	return Process{}, false
}

// Service is a listener that speaks HTTP.
type Service struct {
	Listener
	// Ready is a path that answers as a probe of readiness wants; "" when none
	// of the usual ones does.
	Ready string
}

// Services are the listeners that speak HTTP, asked all at the same time.
// Those that Flyball's own parts serve are left out.
func Services(ctx context.Context, all []Listener) []Service {
	found := make([]*Service, len(all))
	var asked sync.WaitGroup
	for i, l := range all {
		if !worthAsking(l) {
			continue
		}
		asked.Go(func() {
			if ready, ok := probe(ctx, l.URL()); ok {
				found[i] = &Service{Listener: l, Ready: ready}
			}
		})
	}
	asked.Wait()
	var services []Service
	for _, s := range found {
		if s != nil {
			services = append(services, *s)
		}
	}
	return services
}

// otherProtocols are ports of servers that would only log a complaint.
var otherProtocols = []int{21, 22, 23, 25, 53, 110, 111, 143, 389, 465, 587, 993, 995, 2379, 2380, 3306, 5432, 5672, 6379, 6443, 9042, 9092, 11211, 27017}

func worthAsking(l Listener) bool {
	return l.Process.PID != 0 && !slices.Contains(otherProtocols, l.Port) && !l.Process.isFlyball()
}

// isFlyball reports whether a process is a part of Flyball or one of its
// replicas.
func (p Process) isFlyball() bool {
	if slices.ContainsFunc(p.Env, func(e string) bool { return strings.HasPrefix(e, "FLYBALL_OWNER=") }) {
		return true
	}
	self, _ := os.Executable() // one that cannot be named is nobody's
	return len(p.Command) > 1 && slices.Contains([]string{"proxy", "run", "demo"}, p.Command[1]) &&
		(base(p.Executable) == "flyball" || (self != "" && p.Executable == self))
}
