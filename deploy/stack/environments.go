package stack

import (
	"fmt"
	"strings"
)

// Where certificates come from.
const (
	NoTLS      = "none"
	SelfSigned = "self-signed, or given"
	GivenTLS   = "given, or ACME"
)

// Environment is what differs between a laptop, a rehearsal and the real thing;
// all else is the same, so that what was rehearsed is what runs.
type Environment struct {
	Name                     string
	MinReplicas, MaxReplicas int
	LogLevel, LogFormat      string // of Flyball's roles
	LogSize                  string // of a container, before its log is turned over
	LogFiles                 int
	AppCPUs, AppMemory       string // limits of a replica
	BalancerMemory           string // limit of the balancer and the role beside it
	RoleMemory               string // limit of each of the other containers
	Restart                  string // Compose's word
	TLS                      string
	Retention                string // of Prometheus and of the record of decisions
	Address                  string // that Compose publishes on; a Swarm node has but all
}

// Environments lists them, the smallest first.
func Environments() []Environment {
	return []Environment{
		{
			Name: "local", MinReplicas: 1, MaxReplicas: 4, LogLevel: "debug", LogFormat: "text", LogSize: "10m", LogFiles: 1,
			AppCPUs: "0.50", AppMemory: "128M", BalancerMemory: "512M", RoleMemory: "256M", Restart: "unless-stopped", TLS: NoTLS, Retention: "2d", Address: "127.0.0.1",
		},
		{
			Name: "staging", MinReplicas: 2, MaxReplicas: 6, LogLevel: "info", LogFormat: "json", LogSize: "20m", LogFiles: 3,
			AppCPUs: "1.00", AppMemory: "256M", BalancerMemory: "1G", RoleMemory: "512M", Restart: "always", TLS: SelfSigned, Retention: "7d", Address: "0.0.0.0",
		},
		{
			Name: "production", MinReplicas: 2, MaxReplicas: 20, LogLevel: "info", LogFormat: "json", LogSize: "50m", LogFiles: 5,
			AppCPUs: "1.00", AppMemory: "512M", BalancerMemory: "2G", RoleMemory: "1G", Restart: "always", TLS: GivenTLS, Retention: "30d", Address: "0.0.0.0",
		},
	}
}

// EnvironmentNamed finds one.
func EnvironmentNamed(name string) (Environment, error) {
	var known []string
	for _, e := range Environments() {
		if e.Name == name {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Environment{}, fmt.Errorf("environment: must be one of %s, got %q", strings.Join(known, ", "), name)
}

// row is one difference, as docs/deploy.md shows it.
type row struct {
	what string
	of   func(Environment) string
}

var rows = []row{
	{"replicas of the app", func(e Environment) string { return fmt.Sprintf("%d to %d", e.MinReplicas, e.MaxReplicas) }},
	{"limits of a replica", func(e Environment) string { return e.AppCPUs + " cores, " + e.AppMemory }},
	{"memory limit of the balancer", func(e Environment) string { return e.BalancerMemory }},
	{"memory limit of every other container", func(e Environment) string { return e.RoleMemory }},
	{"log of Flyball's roles", func(e Environment) string { return e.LogLevel + ", " + e.LogFormat }},
	{"log kept of a container", func(e Environment) string { return fmt.Sprintf("%d × %s", e.LogFiles, e.LogSize) }},
	{"restart policy (Compose; Swarm: any)", func(e Environment) string { return "`" + e.Restart + "`" }},
	{"TLS for users, dashboard and Grafana", func(e Environment) string { return e.TLS }},
	{"Prometheus and record keep", func(e Environment) string { return e.Retention }},
	{"published on (Compose; Swarm: all of a node)", func(e Environment) string { return "`" + e.Address + "`" }},
}

// Table shows how environments differ, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, e := range Environments() {
		b.WriteString(" `" + e.Name + "` |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(Environments())) + "\n")
	for _, r := range rows {
		b.WriteString("| " + r.what + " |")
		for _, e := range Environments() {
			b.WriteString(" " + r.of(e) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
