package stack

import "fmt"

const (
	agentService    = "agent"
	monitorService  = "monitor"
	executorService = "executor"
)

// documentPath is where every role finds the document.
const documentPath = "/etc/flyball/service.yaml"

// stateDir is where a role keeps what must outlive it.
const stateDir = "/var/lib/flyball"

// roles adds what decides and acts, each with no more than it needs. The
// balancer's role is with the balancer.
func (p *planned) roles() {
	monitor := p.role(monitorService, "Asks the sources of signals. Nobody but Prometheus speaks to it.", appNetwork, controlNetwork)
	p.measured(&monitor)
	p.add(monitor)
	planner := p.role("planner", "Decides, and keeps the record of it.", controlNetwork)
	planner.Command = append(planner.Command, "--retention", p.o.Environment.Retention)
	p.measured(&planner)
	p.mayAsk(&planner)
	p.volume(&planner, "planner", stateDir)
	p.add(planner)
	if p.o.ServePolicy {
		p.add(p.policyServer())
	}
	p.add(p.executor())
	p.add(p.dashboard())
	if p.swarm() { // under Compose the executor's engine measures every container
		p.add(p.agent())
	}
}

// role is a role of Flyball's in a container of its own.
func (p *planned) role(name, comment string, networks ...string) service {
	s := service{
		name: name, comment: comment, Image: p.o.FlyballImage, Networks: networks,
		DependsOn: []string{"redis"}, HealthCheck: &healthCheck{Disable: true}, // the image's asks for the dashboard
		Command: append([]string{"run", "--roles", name}, p.arguments(name)...),
	}
	p.letIn(&s, p.userOf(name))
	p.config(&s, p.document(), documentPath)
	return s
}

// arguments are those that every role has.
func (p *planned) arguments(role string) []string {
	e := p.o.Environment
	all := []string{
		"-f", documentPath, "--state-dir", p.stateOf(role), "--bus", "redis://redis:6379",
		"--log-level", e.LogLevel, "--log-format", e.LogFormat,
	}
	if p.swarm() {
		all = append(all, "--bus-password-file", "/run/secrets/redis.password")
	}
	return all
}

// measured lets Prometheus, and nobody else, read a role's own metrics, on the
// control network. The dashboard has an address anyway, and people's tokens.
func (p *planned) measured(s *service) {
	s.Command = append(s.Command, "--listen", "0.0.0.0:"+itoa(rolePort))
	if p.swarm() {
		uid := p.userOf(s.name)
		p.secret(s, File{Path: "secrets/prometheus.tokens", Data: []byte("prometheus:" + p.m.PrometheusToken + "\n")}, "/run/secrets/prometheus.tokens", uid)
		s.Command = append(s.Command, "--token-file", "/run/secrets/prometheus.tokens")
	} else {
		s.Environment["FLYBALL_TOKENS"] = "prometheus:${PROMETHEUS_TOKEN:?}"
	}
	p.scraped = append(p.scraped, s.name+":"+itoa(rolePort))
}

// userOf is who a role is. Root without capabilities reads only what is its own,
// secrets too.
func (p *planned) userOf(role string) string {
	if role == executorService && p.o.SocketGID < 0 {
		return "0"
	}
	return flyballUser
}

// stateOf is where a role keeps what must outlive it. Root without capabilities
// cannot write to a folder of Flyball's user: the volume of a folder that the
// image does not have is root's.
func (p *planned) stateOf(role string) string {
	switch {
	case role == monitorService:
		return runDir // nothing of it has to outlive it
	case role == executorService && p.o.SocketGID < 0:
		return "/var/lib/executor"
	}
	return stateDir
}

// letIn gives the password of the bus: from the environment under Compose,
// whose secrets have the owner of the host's file, as a secret under Swarm.
func (p *planned) letIn(s *service, uid string) {
	if p.swarm() {
		p.secret(s, File{Path: "secrets/redis.password", Data: []byte(p.m.RedisPassword)}, "/run/secrets/redis.password", uid)
		return
	}
	if s.Environment == nil {
		s.Environment = map[string]string{}
	}
	s.Environment["FLYBALL_BUS_PASSWORD"] = "${REDIS_PASSWORD:?}"
}

// executor is the one service that has the engine's socket.
func (p *planned) executor() service {
	s := p.role(executorService, "Starts and ends replicas. The only service with the engine's socket, which is as good as root.", appNetwork, controlNetwork)
	s.Volumes = append(s.Volumes, p.o.Socket+":"+socket)
	p.measured(&s)
	s.User = "0:0" // nobody knows the socket's group: root, without any capability
	if p.o.SocketGID >= 0 {
		s.User = fmt.Sprintf("%s:%d", flyballUser, p.o.SocketGID)
	}
	p.volume(&s, "executor", p.stateOf(executorService))
	return s
}

// dashboard serves people, and Prometheus.
func (p *planned) dashboard() service {
	s := p.role("dashboard", "Dashboard, API and Flyball's metrics. Its tokens are in .env (Compose) or secrets/tokens (Swarm).", controlNetwork, edgeNetwork)
	s.Command = append(s.Command, "--retention", p.o.Environment.Retention, "--listen", "0.0.0.0:"+itoa(dashboardPort))
	if p.swarm() {
		p.secret(&s, File{Path: "secrets/tokens", Data: []byte(p.tokens() + "\n")}, "/run/secrets/tokens", flyballUser)
		s.Command = append(s.Command, "--token-file", "/run/secrets/tokens")
	} else {
		s.Environment["FLYBALL_TOKENS"] = "${FLYBALL_TOKENS:?}"
	}
	if p.m.given() {
		cert, key := p.certificate(&s, flyballUser)
		s.Command = append(s.Command, "--tls-cert", cert, "--tls-key", key)
	}
	p.volume(&s, "dashboard", stateDir)
	p.page(&s, p.o.DashboardPort, dashboardPort)
	return s
}

// certificate shows the certificate to a service, under Swarm to its user alone,
// and returns where.
func (p *planned) certificate(s *service, uid string) (cert, key string) {
	cert, key = "/run/secrets/tls.crt", "/run/secrets/tls.key"
	p.secret(s, File{Path: "tls/tls.crt", Data: p.m.Certificate}, cert, uid)
	p.secret(s, File{Path: "tls/tls.key", Data: p.m.Key}, key, uid)
	return cert, key
}

// agent reads what the kernel knows of containers, on every node, by files
// alone.
func (p *planned) agent() service {
	s := service{
		name: agentService, comment: "What containers use, from the kernel's files, read-only; one per node, without the socket.",
		Image: p.o.FlyballImage, Networks: []string{controlNetwork}, DependsOn: []string{"redis"}, HealthCheck: &healthCheck{Disable: true},
		Command: []string{
			"agent", "--bus", "redis://redis:6379", "--bus-password-file", "/run/secrets/redis.password",
			"--log-level", p.o.Environment.LogLevel, "--log-format", p.o.Environment.LogFormat,
		},
		Environment: map[string]string{
			"HOST_PROC": "/host/proc", "HOST_CGROUP": "/host/cgroup",
			"FLYBALL_NODE": "{{.Node.Hostname}}-{{.Node.ID}}", // Swarm fills it in; hosts may have the same name
		},
		Volumes: []any{"/proc:/host/proc:ro", "/sys/fs/cgroup:/host/cgroup:ro"},
		Deploy:  &deploy{Mode: "global"},
	}
	p.letIn(&s, flyballUser)
	return s
}
