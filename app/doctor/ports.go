package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer/builtin/remote"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/discover"
	"github.com/flyball-io/flyball/scale"
)

// port sees whether the balancer of each service could listen.
func (p *patient) port(ctx context.Context) {
	for i := range p.specs {
		s := &p.specs[i]
		listen := s.Balancer.Facts().Listen
		if listen == "" {
			continue // another program listens
		}
		if info, err := remote.NewClient(app.Socket(p.StateDir, s.Name)).Info(ctx); err == nil && samePort(info.Address, listen) {
			p.ok(s.Name, fmt.Sprintf("%s is held by this service's own balancer (process %d)", listen, info.PID))
			continue
		}
		err := canListen(ctx, listen)
		switch {
		case err == nil:
			p.ok(s.Name, listen+" is free")
		case errors.Is(err, syscall.EADDRINUSE):
			p.held(s)
		case errors.Is(err, syscall.EACCES):
			p.fail(s.Name, fmt.Sprintf("this user may not listen at %s", listen), "choose a port above 1023, or give flyball the capability CAP_NET_BIND_SERVICE")
		default:
			p.fail(s.Name, fmt.Sprintf("cannot listen at %s: %s", listen, reason(err)), "choose an address of this machine (balancer.builtin.listen)")
		}
	}
}

// held says who is in the way. The service itself, still run by hand or by
// systemd, is there because flyball run is to take over from it.
func (p *patient) held(s *app.Spec) {
	number := portOf(s.Balancer.Facts().Listen)
	holder, known := discover.Holder(number)
	if !known || holder.PID == 0 {
		p.fail(s.Name, fmt.Sprintf("port %d is held by a process that this user cannot see", number), fmt.Sprintf("find it as root with ss -ltnp 'sport = :%d', end it, or choose another port", number))
		return
	}
	end := fmt.Sprintf("kill %d", holder.PID)
	if holder.Unit != "" {
		end = "systemctl disable --now " + holder.Unit
	}
	who := fmt.Sprintf("port %d is held by %s (process %d)", number, holder.Name, holder.PID)
	if cfg := processes(s); cfg != nil && sameProgram(holder, cfg.Command) {
		p.note(s.Name, who+", which looks like the service itself", "when flyball run is to take over, end it first: "+end)
		return
	}
	p.fail(s.Name, who, "end it ("+end+"), or choose another port in the document")
}

// sameProgram compares what gives a service its name: of an interpreter, what
// that runs.
func sameProgram(holder discover.Process, command []string) bool {
	return len(holder.Command) > 0 && discover.ServiceName(holder.Command) == discover.ServiceName(command)
}

func samePort(a, b string) bool { return portOf(a) == portOf(b) && portOf(a) != 0 }

func portOf(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}

// canListen opens the address for a moment.
func canListen(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// replicaPorts sees whether as many ports as there may be replicas are free.
func (p *patient) replicaPorts(ctx context.Context) {
	for i := range p.specs {
		s := &p.specs[i]
		cfg := processes(s)
		if cfg == nil {
			continue // their ports are not this machine's
		}
		head, tail, _ := strings.Cut(cfg.PortRange, "-")
		first, errFirst := strconv.Atoi(strings.TrimSpace(head))
		last, errLast := strconv.Atoi(strings.TrimSpace(tail))
		if errFirst != nil || errLast != nil {
			continue // the document would not be valid
		}
		free, wanted := 0, s.Max+1 // one more while a new command is rolled out
		for port := first; port <= last && free < wanted; port++ {
			if canListen(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) == nil {
				free++
			}
		}
		if free < wanted {
			p.fail(s.Name, fmt.Sprintf("%s of %s free, %s may need one", scale.Count(free, "port"), cfg.PortRange, scale.Count(wanted, "replica")), "widen portRange, or lower replicas.max")
			continue
		}
		p.ok(s.Name, fmt.Sprintf("%s has free ports for %s", cfg.PortRange, scale.Count(wanted, "replica")))
	}
}

// api asks the instance that serves, or sees whether one could.
func (p *patient) api(ctx context.Context) {
	if p.API == nil {
		return
	}
	overview, err := p.API.Targets(ctx)
	switch {
	case err == nil:
		p.ok("", fmt.Sprintf("%s answers: flyball %s with %s", p.API.Server(), overview.Version, scale.Count(len(overview.Targets), "target")))
		return
	case errors.Is(err, client.ErrUnauthorized):
		p.fail("", err.Error(), "name the token with --token-file")
		return
	case !errors.Is(err, client.ErrNoServer) || p.Listen == "":
		p.fail("", err.Error(), "name the address of flyball run with --server")
		return
	}
	if canListen(ctx, p.Listen) == nil {
		p.ok("", fmt.Sprintf("%s is free: no instance runs there yet", p.Listen))
		return
	}
	if holder, known := discover.Holder(portOf(p.Listen)); known && holder.PID != 0 {
		p.fail("", fmt.Sprintf("%s is held by %s (process %d), which is no Flyball", p.Listen, holder.Name, holder.PID), "choose another address with flyball run --listen")
		return
	}
	p.fail("", p.Listen+" is held by somebody else", "choose another address with flyball run --listen")
}
