package stack

import (
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// flyballUser is the user of Flyball's image.
const flyballUser = "65532"

// socket is where the executor, and nobody else, reaches the engine.
const socket = "/var/run/docker.sock"

// harden takes from a service what it does not need, and gives it what all
// have: a read-only root, no capability, no way to gain one, a user that is
// not root, bounded logs and memory.
//
// Of the user's own image nothing is known: it keeps its user, its files and
// its capabilities, and only cannot gain any.
func (p *planned) harden(s *service) {
	e := p.o.Environment
	if !p.foreign(s) {
		s.ReadOnly, s.CapDrop = true, []string{"ALL"}
		if s.User == "" {
			s.User = flyballUser + ":" + flyballUser
		}
		s.Volumes = append(s.Volumes, tmpFS{Type: "tmpfs", Target: "/tmp"})
		p.forget(s)
	}
	s.Logging = &logging{Driver: "json-file", Options: map[string]string{"max-size": e.LogSize, "max-file": itoa(e.LogFiles)}}
	if s.Deploy == nil {
		s.Deploy = &deploy{}
	}
	if s.Deploy.Resources == nil {
		s.Deploy.Resources = &resources{Limits: limits{Memory: e.RoleMemory}}
	}
	p.own(s)
	if p.swarm() {
		p.settle(s)
		return
	}
	if p.o.BuildContext != "" && s.Build == nil && s.Image == p.o.FlyballImage {
		s.PullPolicy = "never" // the app's build makes it
	}
	s.Security = []string{"no-new-privileges:true"}
	s.Restart = e.Restart
}

// forget keeps in memory what Flyball's image would keep in a volume that has
// no name, where nothing has to outlive the container.
func (p *planned) forget(s *service) {
	kept := slices.ContainsFunc(s.Volumes, func(v any) bool {
		short, is := v.(string)
		return is && strings.HasSuffix(short, ":"+stateDir)
	})
	if s.Image == p.o.FlyballImage && !kept {
		s.Volumes = append(s.Volumes, tmpFS{Type: "tmpfs", Target: stateDir})
	}
}

// foreign reports whether a service is the user's image.
func (p *planned) foreign(s *service) bool { return s.name == appService && p.o.AppImage != "" }

// settle is what only Swarm understands. Stacks have no word for
// no-new-privileges: in daemon.json it holds for the whole node.
//
// Names lead to the tasks themselves, not to a virtual address: balancing is
// the balancer's, and kernels without IPVS are served too. What is stateful or
// speaks to the engine stays on a manager.
func (p *planned) settle(s *service) {
	s.DependsOn, s.Build, s.Expose = nil, nil, nil
	if s.Deploy.Mode == "" && s.Deploy.EndpointMode == "" {
		s.Deploy.EndpointMode = "dnsrr"
	}
	s.Deploy.RestartPolicy = &restartPolicy{Condition: "any", Delay: "2s"}
	if s.name != appService && s.name != agentService {
		s.Deploy.Placement = &placement{Constraints: []string{"node.role == manager"}}
	}
}
