package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAgentRefusesWhatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"agent"}, "--bus: must be given"},
		{[]string{"agent", "--bus", "http://h"}, "--bus: must begin with redis://"},
		{[]string{"agent", "--bus", "redis://h", "--bus-password-file", "/none"}, "--bus-password-file: open /none"},
		{[]string{"agent", "--print", "--interval", "1ms"}, "--interval: must be 200ms to 1m0s, got 1ms"},
		{[]string{"agent", "--print", "--cgroup", t.TempDir()}, "no control groups"},
		{[]string{"agent", "--print", "--proc", t.TempDir()}, "--node: must be given"},
		{[]string{"agent", "--print", "--log-level", "loud"}, "--log-level"},
		{[]string{"agent", "--print", "--log-format", "xml"}, "--log-format: must be text or json"},
		{[]string{"agent", "shop"}, "takes flags only"},
	} {
		if _, err := commandSays(t, tc.args...); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%v: got %v, want it to say %q", tc.args, err, tc.says)
		}
	}
}

// In a container the host name is the container's own, and another after each
// start.
func TestAnAgentInAContainerIsCalledLikeTheMachine(t *testing.T) {
	proc := t.TempDir()
	file := filepath.Join(proc, "sys/kernel/random/boot_id")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("8d7c\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for proc, want := range map[string]string{proc: "8d7c", ownProc: host} {
		f := agentFlags{proc: proc}
		if err := f.name(); err != nil || f.node != want {
			t.Errorf("with %s: got %q, %v; want %q", proc, f.node, err, want)
		}
	}
}
