package docker

import (
	"strings"

	"github.com/moby/moby/api/types/mount"
)

// mounted splits mounts as docker run -v has them: a path of the host goes to
// the engine in the form in which it must be there. In the short form an engine
// makes a folder of root's where there is none, so a typing error would serve
// empty folders. What only the short form can say (labels of SELinux) stays.
func mounted(short []string) (binds []string, mounts []mount.Mount) {
	for _, text := range short {
		source, rest, _ := strings.Cut(text, ":")
		path, mode, _ := strings.Cut(rest, ":")
		if !strings.HasPrefix(source, "/") || (mode != "" && mode != "ro" && mode != "rw") {
			binds = append(binds, text)
			continue
		}
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: source, Target: path, ReadOnly: mode == "ro"})
	}
	return binds, mounts
}
