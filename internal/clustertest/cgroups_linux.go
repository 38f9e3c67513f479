package clustertest

import (
	"os"
	"path/filepath"
)

// makeCgroups makes the group that all pods are in, in each tree. The folder
// that package isolate takes away afterwards is this one.
func makeCgroups(group string) error {
	const root = "/sys/fs/cgroup"
	trees := []string{root} // version 2 has one
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		if trees, err = filepath.Glob(root + "/*/cgroup.procs"); err != nil {
			return err
		}
		for i := range trees {
			trees[i] = filepath.Dir(trees[i])
		}
	}
	for _, tree := range trees {
		if err := os.MkdirAll(tree+group, 0o755); err != nil {
			return err
		}
	}
	return nil
}
