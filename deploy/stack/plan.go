package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
)

// Networks. Redis and the roles speak where nobody else is, and nothing there
// reaches further.
const (
	appNetwork     = "app"     // users' requests: balancer, replicas and who probes them
	controlNetwork = "control" // the bus
	edgeNetwork    = "edge"    // what publishes pages of its own
)

// planned is a stack as it grows.
type planned struct {
	o     Options
	m     Material
	file  composeFile
	files []File
	// scraped are the addresses of the roles' own metrics.
	scraped []string
}

// plan makes every service and every file.
func plan(o Options, m Material) *planned {
	p := &planned{o: o, m: m}
	driver := ""
	if p.swarm() {
		p.file.Version, driver = "3.8", "overlay"
	} else {
		p.file.Name = o.Name
	}
	p.file.Networks = map[string]network{
		appNetwork: {Driver: driver}, edgeNetwork: {Driver: driver}, controlNetwork: {Driver: driver, Internal: true},
	}
	p.file.Volumes, p.file.Configs, p.file.Secrets = map[string]volume{}, map[string]content{}, map[string]content{}
	p.add(p.app())
	p.balancer()
	p.roles()
	p.redis()
	p.prometheus()
	p.grafana()
	p.environment()
	return p
}

func (p *planned) swarm() bool { return p.o.Orchestrator == Swarm }

// add hardens a service and puts it into the file.
func (p *planned) add(s service) {
	p.harden(&s)
	s.Networks = slices.Sorted(slices.Values(s.Networks))
	p.file.Services = append(p.file.Services, s)
}

// has reports whether the folder holds a file.
func (p *planned) has(name string) bool {
	return slices.ContainsFunc(p.files, func(f File) bool { return f.Path == name })
}

// write puts a file into the folder, once.
func (p *planned) write(f File) {
	if !p.has(f.Path) {
		p.files = append(p.files, f)
	}
}

// config shows a file of the folder to a service.
func (p *planned) config(s *service, f File, target string) {
	p.write(f)
	name := sourceName(f.Path)
	p.file.Configs[name] = p.contentOf(f)
	s.Configs = append(s.Configs, mount{Source: name, Target: target})
	p.watch(s, f)
}

// secret shows one to a service, under Swarm to its user alone.
func (p *planned) secret(s *service, f File, target, uid string) {
	f.Secret = true
	p.write(f)
	name := sourceName(f.Path)
	p.file.Secrets[name] = p.contentOf(f)
	one := mount{Source: name, Target: target}
	if p.swarm() {
		one.UID, one.GID, one.Mode = uid, uid, 0o400
	}
	s.Secrets = append(s.Secrets, one)
	p.watch(s, f)
}

func sourceName(file string) string { return strings.ReplaceAll(path.Base(file), ".", "-") }

func (p *planned) contentOf(f File) content {
	c := content{File: "./" + f.Path}
	if p.swarm() {
		c.Name = p.o.Name + "_" + sourceName(f.Path) + "-" + hash(f.Data)
	}
	return c
}

// watch makes Compose replace the container when the file changes: Compose
// itself looks at its name only.
func (p *planned) watch(s *service, f File) {
	if p.swarm() {
		return
	}
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	s.Labels["flyball.io/"+sourceName(f.Path)] = hash(f.Data)
}

// owner are the labels by which `flyball deploy` knows what is of which stack.
func (p *planned) owner() map[string]string {
	labels := map[string]string{EnvironmentLabel: p.o.Environment.Name}
	if p.o.Folder != "" {
		labels[FolderLabel] = strings.ReplaceAll(p.o.Folder, "$", "$$") // or it would name a variable
	}
	return labels
}

// own marks a service as one of this stack: its containers, or what Swarm keeps
// of it.
func (p *planned) own(s *service) {
	at := &s.Labels
	if p.swarm() {
		at = &s.Deploy.Labels
	}
	if *at == nil {
		*at = map[string]string{}
	}
	maps.Copy(*at, p.owner())
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:4])
}

// volume keeps a folder of a service.
func (p *planned) volume(s *service, name, target string) {
	p.file.Volumes[name] = volume{Labels: p.owner()}
	s.Volumes = append(s.Volumes, name+":"+target)
}

// page opens the port of something that has passwords.
func (p *planned) page(s *service, published, target int) {
	if !p.o.hidesPages() {
		p.publish(s, published, target)
	}
}

// publish opens a port to the outside.
func (p *planned) publish(s *service, published, target int) {
	if p.swarm() {
		s.Ports = append(s.Ports, hostPort{Target: target, Published: published, Mode: "host"})
		return
	}
	s.Ports = append(s.Ports, p.o.Environment.Address+":"+itoa(published)+":"+itoa(target))
}
