package docker

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Spec is what a container is to be made of. What it does not say is the
// image's, or that of the template it is to be like.
type Spec struct {
	Image string    // or
	Like  *Template // what another container is made of
	// Twin makes it like that container also in what says whose it is and how
	// it is kept: all labels, ports of the host, restart policy.
	Twin bool

	Command []string
	Env     map[string]string
	Labels  map[string]string
	// Networks in this order; empty: the template's, or the engine's default.
	Networks []string
	// Alias is a name under which its networks know it.
	Alias string
	// Mounts are further ones as docker run -v has them (source:path[:ro]).
	Mounts []string
	CPUs   float64 // limit in cores; 0: the template's, or none
	Memory int64   // limit in bytes; 0: the template's, or none
	// Port is where it takes requests, published as Publish says.
	Port    int
	Publish *Publish
}

// Publish is where on the host a port is reached.
type Publish struct {
	IP    string // of the host, 127.0.0.1 for this machine alone
	Ports string // a port or a range of them (first-last); empty: the engine chooses
}

// defaultNetwork is where the engine puts whatever says nothing. It knows no
// aliases.
const defaultNetwork = "bridge"

// endpoint is a container's part in a network.
type endpoint struct {
	network  string
	settings *network.EndpointSettings
}

// request is the spec in the engine's words.
func (s Spec) request() (*container.Config, *container.HostConfig, []endpoint) {
	like := Template{config: container.Config{Image: s.Image}}
	if s.Like != nil {
		like = *s.Like
	}
	config, host := like.config, like.host
	if len(s.Command) > 0 {
		config.Cmd = s.Command
	}
	config.Env = mergeEnv(config.Env, s.Env)
	config.Labels = maps.Clone(config.Labels)
	if s.Twin {
		config.Labels, host.PortBindings, host.PublishAllPorts = maps.Clone(like.labels), like.ports, like.publishAll
	}
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, s.Labels)
	binds, mounts := mounted(s.Mounts)
	host.Binds, host.Mounts = slices.Concat(host.Binds, binds), slices.Concat(host.Mounts, mounts)
	if !s.Twin {
		host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	}
	if s.CPUs > 0 {
		host.NanoCPUs, host.CPUQuota, host.CPUPeriod = int64(s.CPUs*1e9), 0, 0
	}
	if s.Memory > 0 {
		host.Memory = s.Memory
		if host.MemorySwap > 0 {
			host.MemorySwap = max(host.MemorySwap, s.Memory)
		}
	}
	s.publish(&config, &host)
	networks := s.endpoints(like.networks)
	if len(networks) > 0 {
		host.NetworkMode = container.NetworkMode(networks[0].network)
	}
	return &config, &host, networks
}

// publish adds the one port by which the container is reached.
func (s Spec) publish(config *container.Config, host *container.HostConfig) {
	port, ok := network.PortFrom(uint16(s.Port), network.TCP)
	if s.Publish == nil || !ok {
		return
	}
	config.ExposedPorts = maps.Clone(config.ExposedPorts)
	if config.ExposedPorts == nil {
		config.ExposedPorts = network.PortSet{}
	}
	config.ExposedPorts[port] = struct{}{}
	binding := network.PortBinding{HostPort: s.Publish.Ports}
	if ip, err := netip.ParseAddr(s.Publish.IP); err == nil {
		binding.HostIP = ip
	}
	host.PortBindings = maps.Clone(host.PortBindings)
	if host.PortBindings == nil {
		host.PortBindings = network.PortMap{}
	}
	host.PortBindings[port] = []network.PortBinding{binding}
}

// endpoints are those asked for, or the template's, each with the alias.
func (s Spec) endpoints(template []endpoint) []endpoint {
	all := slices.Clone(template)
	if len(s.Networks) > 0 {
		all = nil
		for _, name := range s.Networks {
			all = append(all, endpoint{name, &network.EndpointSettings{}})
		}
	}
	for i, e := range all {
		settings := *e.settings
		if s.Alias != "" && e.network != defaultNetwork && !slices.Contains(settings.Aliases, s.Alias) {
			settings.Aliases = append(slices.Clone(settings.Aliases), s.Alias)
		}
		all[i].settings = &settings
	}
	return all
}

func firstOf(all []endpoint) *network.NetworkingConfig {
	if len(all) == 0 {
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{all[0].network: all[0].settings}}
}

// mergeEnv sets variables in a list of NAME=value, sorted where they are new.
func mergeEnv(list []string, set map[string]string) []string {
	merged := slices.DeleteFunc(slices.Clone(list), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		_, replaced := set[name]
		return replaced
	})
	for _, name := range slices.Sorted(maps.Keys(set)) {
		merged = append(merged, name+"="+set[name])
	}
	return merged
}
