package stack

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/scale"
)

// runDir is where a balancer and the role beside it meet: in memory, for they
// are in one container. It is below /tmp, which every image lets all users
// write to: a folder in memory has the mode of the image's own once the
// container is restarted.
const runDir = "/tmp/flyball"

// metricsPort is where a balancer that has metrics shows them to Prometheus.
const metricsPort = 8405

// Threshold is the longest time of a good request in the documents of stacks.
const Threshold = scale.Duration(500 * time.Millisecond)

// shortestDrain is as long as anything waits by itself for requests in progress,
// and endMargin how much longer the balancer's container may take to end.
const (
	shortestDrain = scale.Duration(30 * time.Second)
	endMargin     = scale.Duration(10 * time.Second)
)

// images that a balancer is taken from: each of a line with security fixes.
var balancerImages = map[string]string{Nginx: "nginx:1.28", HAProxy: "haproxy:3.0", Traefik: "traefik:v3.5"}

// balancer adds what carries the requests. nginx, HAProxy and Traefik share a
// container with Flyball's balancer role: the role tests and reloads them,
// watches their processes and reads their logs, and needs neither the engine's
// socket nor an open port for it.
func (p *planned) balancer() {
	s := p.role("balancer", "Takes the requests, and measures them. Flyball's balancer role sits beside it, in the same container.", appNetwork, controlNetwork)
	p.measured(&s)
	if p.o.Balancer != Builtin {
		p.beside(&s)
	} else if p.m.given() {
		p.certificate(&s, flyballUser)
	}
	s.StopGrace = (p.o.DrainTimeout + endMargin).String() // requests in progress, and a margin
	// In an overload every request that waits is held here: Traefik was killed
	// with 256M and some 2,000 of them.
	s.Deploy = &deploy{Resources: &resources{Limits: limits{Memory: p.o.Environment.BalancerMemory}}}
	p.volume(&s, "balancer", stateDir)
	p.publish(&s, p.o.Published, balancerPort)
	p.add(s)
}

// beside puts Flyball's role beside a balancer of somebody else's.
func (p *planned) beside(s *service) {
	s.Image = BalancerImage(p.o)
	if p.o.build(s, "balancer"); s.Build == nil {
		s.Build = &build{Context: ".", Dockerfile: "balancer.Containerfile"}
		p.write(File{Path: "balancer.Containerfile", Data: []byte(p.o.containerfile())})
	}
	s.Entrypoint = []string{"/flyball"}
	front := []string{"beside", "-f", documentPath, "--listen", "0.0.0.0:" + itoa(balancerPort)}
	if p.o.DrainTimeout > shortestDrain {
		front = append(front, "--drain-timeout", p.o.DrainTimeout.String())
	}
	if p.balancerMetrics() != "" {
		front = append(front, "--metrics-listen", "0.0.0.0:"+itoa(metricsPort))
	}
	switch {
	case p.o.ACMEDomain != "":
		front = append(front, "--acme-email", p.o.ACMEEmail, "--acme-dir", stateDir)
	case p.m.given():
		cert, key := p.certificate(s, flyballUser)
		front = append(front, "--tls-cert", cert, "--tls-key", key)
	}
	s.Command = append(append(front, "--"), s.Command...)
}

// BalancerImage is the name of the image that a stack's balancer is built as.
func BalancerImage(o Options) string { return o.Name + "-" + o.Balancer + ":latest" }

// containerfile adds the program to the balancer's image.
func (o Options) containerfile() string {
	image := o.BalancerImage
	if image == "" {
		image = balancerImages[o.Balancer]
	}
	return fmt.Sprintf("# %s with Flyball's balancer role beside it.\nFROM %s AS flyball\nFROM %s\nCOPY --from=flyball /flyball /flyball\nCOPY --from=flyball --chown=%[4]s:%[4]s /var/lib/flyball /var/lib/flyball\nUSER %[4]s:%[4]s\nENTRYPOINT [\"/flyball\"]\n",
		o.Balancer, o.FlyballImage, image, flyballUser)
}

// balancerMetrics is where Prometheus finds the balancer's own metrics. nginx
// without its commercial part has none in a form that Prometheus reads, and
// the built-in one's are Flyball's signals.
func (p *planned) balancerMetrics() string {
	if p.o.Balancer == HAProxy || p.o.Balancer == Traefik {
		return "balancer:" + itoa(metricsPort)
	}
	return ""
}

// NginxPlane is how the balancer role finds an nginx beside it.
func NginxPlane() nginx.Config {
	c := nginx.Default()
	c.ConfigFile, c.PIDFile, c.Include = runDir+"/nginx.conf", runDir+"/nginx.pid", runDir+"/upstream.conf"
	c.Status = "http://127.0.0.1:8081/status"
	return c
}

// HAProxyPlane is how the balancer role finds an HAProxy beside it.
func HAProxyPlane() haproxy.Config {
	c := haproxy.Default()
	c.Socket, c.StateFile = runDir+"/haproxy.sock", stateDir+"/haproxy.state"
	return c
}
