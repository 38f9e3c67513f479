package docker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// What is named stays what all have; what the engine has named is made anew for
// each, at the same place.
func TestACopyHasAnonymousVolumesOfItsOwn(t *testing.T) {
	made := strings.Repeat("0123456789abcdef", 4)
	volume := func(source, target string) mount.Mount {
		return mount.Mount{Type: mount.TypeVolume, Source: source, Target: target}
	}
	of := container.HostConfig{
		Binds:  []string{"data:/data", made + ":/old:rw", made + ":/read:z,ro", "/srv/" + made + ":/host", made[1:] + ":/short"},
		Mounts: []mount.Mount{volume(made, "/new"), volume("data", "/named"), volume("", "/own"), {Type: mount.TypeBind, Source: made, Target: "/bound"}},
	}
	original := of.Mounts
	ownVolumes(&of)
	want := container.HostConfig{
		Binds: []string{"data:/data", "/srv/" + made + ":/host", made[1:] + ":/short"},
		Mounts: []mount.Mount{volume("", "/new"), volume("data", "/named"), volume("", "/own"), {Type: mount.TypeBind, Source: made, Target: "/bound"},
			volume("", "/old"), {Type: mount.TypeVolume, Target: "/read", ReadOnly: true}},
	}
	if diff := cmp.Diff(want, of); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if original[0].Source != made {
		t.Error("the container that was read is changed")
	}
}
