package stack

import (
	"fmt"
	"strings"
)

// document is what Flyball's roles are told of the service.
func (p *planned) document() File {
	e := p.o.Environment
	var b strings.Builder
	fmt.Fprintf(&b, `# What Flyball scales. Every field is explained in docs/document.md.
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata:
  name: %s
spec:
  target:
%s  balancer:
%s  replicas:
    min: %d
    max: %d
  objective:
    latency: {threshold: %s, target: 99%%, window: 1h}
%s  policy:
%s`, p.o.Name, p.targetFields(), p.balancerFields(), e.MinReplicas, e.MaxReplicas, Threshold, p.signalFields(), p.policyFields())
	return File{Path: "flyball/service.yaml", Data: []byte(b.String())}
}

// signalFields are spec.signals: a swarm's tasks are measured by the agents of
// their nodes. Compose's containers are all the executor's engine's, which
// measures them as the target.
func (p *planned) signalFields() string {
	if !p.swarm() {
		return ""
	}
	return "  signals:\n    - name: cpuUtilization\n      docker: {from: agents, also: [memoryUtilization, cpuCores, memoryBytes, networkReceiveRate, networkTransmitRate, restarts]}\n"
}

// targetFields are the body of spec.target.
func (p *planned) targetFields() string {
	if p.swarm() { // readiness is that of the tasks: Swarm's, or a health check of the image
		return fmt.Sprintf("    swarm:\n      service: %s_%s\n      port: %d\n", p.o.Name, appService, p.o.AppPort)
	}
	text := fmt.Sprintf("    compose:\n      project: %s\n      service: %s\n      port: %d\n", p.o.Name, appService, p.o.AppPort)
	if p.o.HealthPath != "" {
		text += fmt.Sprintf("      readiness: {path: %s}\n", p.o.HealthPath)
	}
	return text + p.drainField()
}

// drainField is the time that requests in progress have, where it is not what it
// is by itself. A swarm's target has none: Swarm ends tasks by the
// stop_grace_period of the app.
func (p *planned) drainField() string {
	if p.o.DrainTimeout == shortestDrain {
		return ""
	}
	return fmt.Sprintf("      drainTimeout: %s\n", p.o.DrainTimeout)
}

// balancerFields are the body of spec.balancer.
func (p *planned) balancerFields() string {
	switch p.o.Balancer {
	case Nginx:
		c := NginxPlane()
		return fmt.Sprintf("    nginx:\n      configFile: %s\n      pidFile: %s\n      include: %s\n      status: %s\n", c.ConfigFile, c.PIDFile, c.Include, c.Status)
	case HAProxy:
		c := HAProxyPlane()
		return fmt.Sprintf("    haproxy:\n      socket: %s\n      stateFile: %s\n", c.Socket, c.StateFile)
	case Traefik:
		return p.traefikFields()
	default:
		text := fmt.Sprintf("    builtin:\n      listen: 0.0.0.0:%d\n", balancerPort)
		if p.m.given() {
			text += "      tls: {certFile: /run/secrets/tls.crt, keyFile: /run/secrets/tls.key}\n"
		}
		return text + p.drainField()
	}
}

func (p *planned) traefikFields() string {
	text := fmt.Sprintf("    traefik:\n      metrics: {url: \"http://127.0.0.1:%d/metrics\"}\n", metricsPort)
	switch {
	case p.o.ACMEDomain != "":
		text += fmt.Sprintf("      route: {certResolver: acme, rule: \"Host(`%s`)\"}\n", p.o.ACMEDomain)
	case p.m.given():
		text += "      route: {certFile: /run/secrets/tls.crt, keyFile: /run/secrets/tls.key}\n"
	}
	return text
}
