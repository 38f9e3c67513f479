package docker

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Template is what a container is made of, without what only one container
// can have (name, addresses) and without ports of the host: whoever reaches a
// copy there goes past the balancer.
type Template struct {
	config   container.Config
	host     container.HostConfig
	networks []endpoint
	// Of the container itself, for a twin.
	labels     map[string]string
	ports      network.PortMap
	publishAll bool
}

// Networks are the names of its networks, the first one first.
func (t Template) Networks() []string {
	names := make([]string, len(t.networks))
	for i, e := range t.networks {
		names[i] = e.network
	}
	return names
}

// Ports are the TCP ports that the container or its image names.
func (t Template) Ports() []int {
	var ports []int
	for port := range t.config.ExposedPorts {
		if port.Proto() == network.TCP {
			ports = append(ports, int(port.Num()))
		}
	}
	slices.Sort(ports)
	return ports
}

// FixedPort is a port of the host that only one container can have, "" where
// there is none: a single one, or a range that ends where it begins.
func (t Template) FixedPort() string {
	for _, bindings := range t.ports {
		for _, b := range bindings {
			first, last, _ := strings.Cut(b.HostPort, "-")
			if first != "" && first != "0" && (last == "" || last == first) {
				return first
			}
		}
	}
	return ""
}

// templateOf reads a container as a template.
func templateOf(c container.InspectResponse) (Template, error) {
	name := strings.TrimPrefix(c.Name, "/")
	if c.Config == nil || c.HostConfig == nil {
		return Template{}, fmt.Errorf("container %s: %w: the engine does not say what it is made of", name, ErrOnlyOne)
	}
	if mode := c.HostConfig.NetworkMode; mode.IsHost() || mode.IsNone() || mode.IsContainer() {
		return Template{}, fmt.Errorf("container %s: %w: with network mode %q replicas have no address of their own", name, ErrOnlyOne, mode)
	}
	t := Template{config: *c.Config, host: *c.HostConfig, labels: c.Config.Labels,
		ports: c.HostConfig.PortBindings, publishAll: c.HostConfig.PublishAllPorts}
	if strings.HasPrefix(c.ID, t.config.Hostname) {
		t.config.Hostname = "" // made of its ID
	}
	t.config.Labels = ownLabels(c.Config.Labels)
	t.host.ContainerIDFile, t.host.AutoRemove = "", false
	t.host.PortBindings, t.host.PublishAllPorts = nil, false
	ownVolumes(&t.host)
	t.networks = networksOf(c)
	return t, nil
}

// managed begin the labels by which others know containers as theirs.
var managed = []string{"com.docker.compose.", "com.docker.swarm.", "com.docker.stack.", "flyball.io/"}

// ownLabels are those that do not say whose the container is.
func ownLabels(labels map[string]string) map[string]string {
	own := maps.Clone(labels)
	maps.DeleteFunc(own, func(key, _ string) bool {
		return slices.ContainsFunc(managed, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
	return own
}

// networksOf are the container's networks, the one it was made in first, with
// the names it has there but those made of its own name and ID.
func networksOf(c container.InspectResponse) []endpoint {
	if c.NetworkSettings == nil {
		return nil
	}
	mode := string(c.HostConfig.NetworkMode)
	names := slices.SortedFunc(maps.Keys(c.NetworkSettings.Networks), func(a, b string) int {
		switch {
		case a == b:
			return 0
		case a == mode:
			return -1
		case b == mode:
			return 1
		default:
			return strings.Compare(a, b)
		}
	})
	all := make([]endpoint, 0, len(names))
	for _, name := range names {
		from := c.NetworkSettings.Networks[name]
		settings := &network.EndpointSettings{Links: from.Links, DriverOpts: from.DriverOpts, GwPriority: from.GwPriority}
		settings.Aliases = slices.DeleteFunc(slices.Clone(from.Aliases), func(alias string) bool {
			return alias == strings.TrimPrefix(c.Name, "/") || (len(alias) == 12 && strings.HasPrefix(c.ID, alias))
		})
		all = append(all, endpoint{name, settings})
	}
	return all
}
