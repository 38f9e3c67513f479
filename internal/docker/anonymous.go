package docker

import (
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// ownVolumes gives each copy anonymous volumes of its own, as Compose does with
// each container that up --scale adds. A container that up has recreated names
// those that it inherited: whoever copied the names would write into its files.
func ownVolumes(host *container.HostConfig) {
	host.Mounts = slices.Clone(host.Mounts)
	for i := range host.Mounts {
		if m := &host.Mounts[i]; m.Type == mount.TypeVolume && anonymous(m.Source) {
			m.Source = ""
		}
	}
	var named []string
	for _, bind := range host.Binds {
		source, rest, _ := strings.Cut(bind, ":")
		if !anonymous(source) {
			named = append(named, bind)
			continue
		}
		target, mode, _ := strings.Cut(rest, ":")
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: target, ReadOnly: slices.Contains(strings.Split(mode, ","), "ro")})
	}
	host.Binds = named
}

// anonymous reports whether a volume's name is one that the engine makes up: 64
// hexadecimal digits. Before engine 23 no label says so.
func anonymous(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}
