package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// owned lists the live processes that carry the mark of an owner, by the
// replica they belong to.
func owned(t *testing.T, owner string) map[string][]int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]int{}
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		variables := map[string]string{}
		for entry := range strings.SplitSeq(string(env), "\x00") {
			key, value, _ := strings.Cut(entry, "=")
			variables[key] = value
		}
		if variables["FLYBALL_OWNER"] != owner {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		id := variables["FLYBALL_REPLICA"]
		found[id] = append(found[id], pid)
	}
	return found
}

// pidOf is the first process of a replica.
func pidOf(t *testing.T, owner, replica string) int {
	t.Helper()
	for _, pid := range owned(t, owner)[replica] {
		if group, err := syscall.Getpgid(pid); err == nil && group == pid {
			return pid
		}
	}
	t.Fatalf("replica %s has no process", replica)
	return 0
}

// killOwned ends what carries the mark of this test's owner.
func killOwned(t *testing.T, owner string) {
	t.Helper()
	eventually(t, "no process is left", func() bool {
		left := owned(t, owner)
		for _, pids := range left {
			for _, pid := range pids {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return len(left) == 0
	}, func() string { return fmt.Sprint(owned(t, owner)) })
}
