package isolate

import (
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
)

// removeCgroups takes away what is outside of the namespaces: the groups of
// containers, the inner ones first.
func removeCgroups(dir string) {
	var roots []string
	for _, tree := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		for _, engine := range []string{"", "-*"} { // the first, and those of second nodes
			found, _ := filepath.Glob(tree + Cgroup(dir) + engine)
			roots = append(roots, found...)
		}
	}
	for _, root := range roots {
		var groups []string
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, group := range slices.Backward(groups) {
			_ = syscall.Rmdir(group)
		}
	}
}
