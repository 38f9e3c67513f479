package docker

import (
	"cmp"
	"strconv"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// The labels of a replica's container.
const (
	labelTarget = "flyball.io/target" // the target's name, for people
	labelOwner  = "flyball.io/owner"  // the mark of this target and no other
	labelConfig = "flyball.io/config" // hash of what it is made of
)

// job is a valid configuration with what follows from it.
type job struct {
	cfg     Config
	target  string
	service string
	hash    string
}

func newJob(name string, cfg Config, project *Project) job {
	j := job{cfg: cfg, target: name, service: cmp.Or(cfg.Service, name)}
	if project == nil { // of what a project's containers are made it decides itself
		j.hash = cfg.hash()
	}
	return j
}

// hash identifies what a replica is made of: one with another is outdated.
func (c Config) hash() string {
	return scale.ConfigHash(struct {
		Image, From, Service string
		Command              []string
		Env                  map[string]string
		Networks, Mounts     []string
		Limits               Limits
		Address              Address
		Port                 int
		Publish              string
	}{c.Image, c.From, c.Service, c.Command, c.Env, c.Networks, c.Mounts, c.Limits, c.Address, c.Port, c.Publish})
}

// spec is what a container is made of, like the template where there is one.
func (j job) spec(owner string, like *docker.Template) docker.Spec {
	cfg := j.cfg
	memory, _ := cfg.Limits.bytes() // it was validated
	s := docker.Spec{
		Image: cfg.Image, Like: like, Command: cfg.Command, Env: cfg.Env,
		Labels:   map[string]string{labelTarget: j.target, labelOwner: owner, labelConfig: j.hash},
		Networks: cfg.Networks, Alias: j.service, Mounts: cfg.Mounts,
		CPUs: cfg.Limits.CPUs, Memory: memory, Port: cfg.Port,
	}
	if cfg.Address == AtPublished {
		s.Publish = &docker.Publish{IP: "127.0.0.1", Ports: cfg.Publish}
	}
	return s
}

// address is where a container that runs takes requests; "" where nowhere.
func (j job) address(c docker.Container) string {
	switch {
	case j.cfg.Port == 0:
		return ""
	case j.cfg.Address == AtPublished:
		return c.Published[j.cfg.Port]
	default:
		return c.Address(strconv.Itoa(j.cfg.Port), j.cfg.Networks...)
	}
}

// probes is true when a replica is asked over its port, watches when the
// engine's health check counts.
func (j job) probes(r *replica) bool {
	return j.cfg.Port > 0 && (j.cfg.Readiness.Path != "" || r.health == docker.NoHealthCheck)
}

func (j job) watches(r *replica) bool {
	return r.health != docker.NoHealthCheck && (j.cfg.Readiness.Path == "" || j.cfg.Readiness.Health)
}
