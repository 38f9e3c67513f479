package cgroups_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/cgroups"
)

// The two containers of the trees below testdata: one with limits, one
// without, which runs on two of four CPUs.
var (
	limited = "3f4e" + strings.Repeat("0a", 30)
	free    = "b7c1" + strings.Repeat("1b", 30)
)

func open(t *testing.T, version string) *cgroups.Host {
	t.Helper()
	h, err := cgroups.Open(os.DirFS("testdata/"+version+"/proc"), os.DirFS("testdata/"+version+"/cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Both versions say the same of the same containers, in other words.
func TestWhatAContainerUses(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			h := open(t, version)
			groups, err := h.Containers()
			if err != nil || len(groups) != 2 {
				t.Fatalf("got the groups %v, %v", groups, err)
			}
			pids, err := h.Processes(func(string) bool { return true })
			if err != nil || pids[limited] != 812 || pids[free] != 933 || len(pids) != 2 {
				t.Fatalf("got the processes %v, %v", pids, err)
			}
			for id, want := range map[string]cgroups.Usage{
				limited: {CPU: 12345678 * time.Microsecond, CPULimit: 0.5, Memory: 50 << 20, MemoryLimit: 256 << 20, Processes: 7,
					Disk: &cgroups.Traffic{In: 4196, Out: 8392}, Network: &cgroups.Traffic{In: 1234667, Out: 7654521}},
				free: {CPU: 5 * time.Second, CPULimit: 2},
			} {
				got, err := h.Usage(groups[id], pids[id])
				got.CPU = got.CPU.Truncate(time.Microsecond)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%s: %v (-want +got):\n%s", id[:4], err, diff)
				}
			}
			machine, err := h.Machine()
			if want := (cgroups.Machine{Cores: 4, Memory: 8 << 30}); err != nil || machine != want {
				t.Errorf("got the machine %+v, %v; want %+v", machine, err, want)
			}
		})
	}
}

// A container on the network of the machine has no traffic of its own.
func TestTheMachinesNetworkIsNoContainers(t *testing.T) {
	proc := t.TempDir()
	for _, pid := range []string{"1", "812", "813"} {
		if err := os.MkdirAll(path.Join(proc, pid, "net"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile("testdata/v2/proc/1/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []string{"1", "813"} {
		if err := os.WriteFile(path.Join(proc, pid, "net/dev"), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(path.Join(proc, "1/net/dev"), path.Join(proc, "812/net/dev")); err != nil {
		t.Fatal(err)
	}
	h, err := cgroups.Open(os.DirFS(proc), os.DirFS("testdata/v2/cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	groups, err := h.Containers()
	if err != nil {
		t.Fatal(err)
	}
	for pid, known := range map[int]bool{812: false, 813: true, 814: false, 0: false} {
		u, err := h.Usage(groups[limited], pid)
		if err != nil || (u.Network != nil) != known {
			t.Errorf("process %d: got %+v, %v; want known %v", pid, u.Network, err, known)
		}
	}
}

func TestWhatIsMissingIsAnError(t *testing.T) {
	tree := func(without string) fs.FS {
		all := fstest.MapFS{}
		root := os.DirFS("testdata/v2/cgroup")
		err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path.Base(name) == without {
				return err
			}
			raw, err := fs.ReadFile(root, name)
			all[name] = &fstest.MapFile{Data: raw}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for without, fails := range map[string]bool{
		"cpu.stat": true, "memory.current": true, "memory.stat": true,
		"cpu.max": false, "memory.max": false, "pids.current": false, "io.stat": false,
	} {
		h, err := cgroups.Open(fstest.MapFS{}, tree(without))
		if err != nil {
			t.Fatal(err)
		}
		u, err := h.Usage("system.slice/docker-"+limited+".scope", 0)
		if (err != nil) != fails || cgroups.IsGone(err) != fails || (fails && u != cgroups.Usage{}) {
			t.Errorf("without %s: got %+v, %v", without, u, err)
		}
	}
	if _, err := cgroups.Open(fstest.MapFS{}, fstest.MapFS{"docker/x": {}}); err == nil || !strings.Contains(err.Error(), "cgroup.controllers") {
		t.Errorf("a folder that has no groups: %v", err)
	}
	h, err := cgroups.Open(fstest.MapFS{}, tree(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Machine(); err == nil {
		t.Error("a machine without /proc/stat is no error")
	}
	if _, err := h.Usage("docker/none", 0); !cgroups.IsGone(err) {
		t.Errorf("a group that is not there: %v", err)
	}
}

func TestContainersByPath(t *testing.T) {
	for group, want := range map[string]string{
		"/docker/" + limited:                                            limited,
		"docker/" + limited:                                             limited,
		"/system.slice/docker-" + limited + ".scope":                    limited,
		"/../../docker/" + limited:                                      limited,
		"/docker/" + limited + "/init.scope":                            limited,
		"/docker/" + limited + "/docker/" + free:                        free, // an engine in a container
		"/kubepods/burstable/pod1/" + free:                              free,
		"/machine.slice/libpod-" + free + ".scope/container":            free,
		"/machine.slice/libpod-conmon-" + free + ".scope":               "",
		"/system.slice/var-lib-docker-" + limited + "-mounts-shm.mount": "",
		"/docker/" + limited[:63]:                                       "",
		"/docker/" + strings.ToUpper(limited):                           "",
		"/system.slice/ssh.service":                                     "",
		"/":                                                             "",
		"":                                                              "",
	} {
		if got := cgroups.ContainerOf(group); got != want {
			t.Errorf("%s: got %q, want %q", group, got, want)
		}
	}
}

// This machine's own trees, whatever they are.
func TestThisMachine(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup"); err != nil {
		t.Log("there are no control groups here")
		return
	}
	h, err := cgroups.Open(os.DirFS("/proc"), os.DirFS("/sys/fs/cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	machine, err := h.Machine()
	if err != nil || machine.Cores < 1 || machine.Memory < 64<<20 {
		t.Errorf("got %+v, %v", machine, err)
	}
	if _, err := h.Containers(); err != nil {
		t.Error(err)
	}
	if _, err := h.Processes(func(string) bool { return true }); err != nil {
		t.Error(err)
	}
}

func BenchmarkLook(b *testing.B) {
	h, err := cgroups.Open(os.DirFS("/proc"), os.DirFS("/sys/fs/cgroup"))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("groups", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Containers(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("processes", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Processes(func(string) bool { return true }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
