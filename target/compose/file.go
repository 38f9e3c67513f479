package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/flyball-io/flyball/scale"
)

// File is what a Compose file says of a service, as far as it matters to who
// scales it.
type File struct {
	// Replicas is the count that docker compose up sets.
	Replicas int
	// Ports are the TCP ports inside the container that it names.
	Ports []int
	// HealthCheck is true where it has one of its own.
	HealthCheck bool
	// StopGracePeriod is 0 where it says nothing.
	StopGracePeriod scale.Duration
	// CPUs and Memory (bytes) are the limits of one replica; 0: none.
	CPUs   float64
	Memory int64
	// Faults say why there cannot be two of it.
	Faults []error
}

// errUnreadable is returned for a file that is not here: the project may have
// been started elsewhere, or in another file system.
var errUnreadable = errors.New("cannot be read here")

// readFile reads what the files say of the service. Relative ones are in dir.
func (c Config) readFile(ctx context.Context, files []string, dir string) (File, error) {
	for _, file := range files {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		if _, err := os.Stat(file); err != nil {
			return File{}, fmt.Errorf("%w: %w", errUnreadable, err)
		}
	}
	options, err := cli.NewProjectOptions(files,
		cli.WithWorkingDirectory(dir), cli.WithOsEnv, cli.WithDotEnv, cli.WithName(c.Project),
		// Values of env files belong to the containers.
		cli.WithoutEnvironmentResolution, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return File{}, err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return File{}, err
	}
	service, found := project.Services[c.Service]
	if !found {
		names := slices.Sorted(maps.Keys(project.Services))
		return File{}, fmt.Errorf("has no service %s, but %s", c.Service, strings.Join(names, ", "))
	}
	return describe(service), nil
}

func describe(s types.ServiceConfig) File {
	f := File{
		Replicas:    s.GetScale(),
		HealthCheck: s.HealthCheck != nil && !s.HealthCheck.Disable,
		Faults:      onlyOne(s),
	}
	if s.StopGracePeriod != nil {
		f.StopGracePeriod = scale.Duration(*s.StopGracePeriod)
	}
	f.CPUs, f.Memory = float64(s.CPUS), int64(s.MemLimit)
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		f.CPUs, f.Memory = float64(s.Deploy.Resources.Limits.NanoCPUs), int64(s.Deploy.Resources.Limits.MemoryBytes)
	}
	for _, p := range s.Ports {
		if p.Protocol == "" || p.Protocol == "tcp" {
			f.Ports = append(f.Ports, int(p.Target))
		}
	}
	for _, port := range s.Expose {
		var n int
		if _, err := fmt.Sscanf(port, "%d", &n); err == nil && !strings.HasSuffix(port, "/udp") && !slices.Contains(f.Ports, n) {
			f.Ports = append(f.Ports, n)
		}
	}
	return f
}

// onlyOne lists why there cannot be two containers of a service, with what to
// write instead.
func onlyOne(s types.ServiceConfig) []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.ContainerName != "" {
		fault("container_name: %s can be the name of one container only; leave it out", s.ContainerName)
	}
	for _, p := range s.Ports {
		if first, last, _ := strings.Cut(p.Published, "-"); first != "" && first != "0" && (last == "" || last == first) {
			fault("ports: only one container can have port %s of the host; leave the ports out, replicas are reached by the balancer, or write %q", p.Published, fmt.Sprint(p.Target))
		}
	}
	if mode := s.NetworkMode; mode == "host" || mode == "none" || strings.HasPrefix(mode, "service:") || strings.HasPrefix(mode, "container:") {
		fault("network_mode: with %s replicas have no address of their own; give them a network", mode)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) {
		if n := s.Networks[name]; n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || n.MacAddress != "") {
			fault("networks.%s: only one container can have a fixed address; leave it out", name)
		}
	}
	if s.Deploy != nil && s.Deploy.Mode != "" && s.Deploy.Mode != "replicated" {
		fault("deploy.mode: %s has no count to set; must be replicated", s.Deploy.Mode)
	}
	return errs
}
