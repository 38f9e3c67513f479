package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// deployFails deploys what cannot come up and returns why.
func deployFails(t *testing.T, args ...string) string {
	t.Helper()
	root := newRootCommand()
	root.SetArgs(append([]string{"deploy"}, args...))
	root.SetOut(&bytes.Buffer{})
	root.SetErr(&bytes.Buffer{})
	err := root.Execute()
	if err == nil {
		t.Fatalf("deploy %q: it was let do", args)
	}
	return err.Error()
}

// freePorts are flags for ports that nobody holds.
func freePorts(t *testing.T) (flags []string) {
	t.Helper()
	for _, flag := range []string{"--publish", "--dashboard-port", "--grafana-port"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		flags = append(flags, flag, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return flags
}

// What is not there is told before anything is started, with what mends it.
func TestDeployLooksForImagesFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	flags := append([]string{"compose", "local", "--apply", "--dir", dir}, freePorts(t)...)
	fakeDocker(t, nil)
	refuseImages(t, "flyball:latest")
	if got := deployFails(t, flags...); !strings.Contains(got, "make image IMAGE=flyball:latest") || !strings.Contains(got, "--flyball-image") {
		t.Errorf("got %q, want how the image is made", got)
	}
	calls := fakeDocker(t, nil)
	refuseImages(t, "shop/web:1.4")
	if got := deployFails(t, append(flags, "--image", "shop/web:1.4")...); !strings.Contains(got, "--image: the engine has no image shop/web:1.4, and it cannot be pulled") {
		t.Errorf("got %q, want the image of the app", got)
	}
	if slices.ContainsFunc(calls(), func(call string) bool { return strings.Contains(call, " up ") }) {
		t.Errorf("docker %q: it was started all the same", calls())
	}
}

// refuseImages has docker know no image of this name, before the docker in the
// path is asked.
func refuseImages(t *testing.T, image string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in\n'image inspect'*" + image + "|pull*" + image + ") echo 'Error: No such image: " + image + "' >&2; exit 1;;\nesac\nPATH=${PATH#*:} exec docker \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// A port that is held is told with the flag that moves it; those that the stack
// has already are its own.
func TestDeployTriesThePortsFirst(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	held := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	dir := filepath.Join(t.TempDir(), "shop")
	for i, flag := range []string{"--publish", "--dashboard-port", "--grafana-port"} {
		args := append([]string{"compose", "local", "--apply", "--dir", dir}, freePorts(t)...)
		args[6+2*i] = held
		calls := fakeDocker(t, nil)
		if got, want := deployFails(t, args...), flag+": port "+held+" of this machine is held by "; !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", flag, got, want)
		}
		if slices.ContainsFunc(calls(), func(call string) bool { return strings.Contains(call, " up ") }) {
			t.Errorf("%s: docker %q: it was started all the same", flag, calls())
		}
		fakeDocker(t, map[string]string{"ps --filter label=com.docker.compose.project=shop --format": "127.0.0.1:" + held + "->8080/tcp"})
		deployed(t, args...)
	}
	if text := readFile(t, filepath.Join(dir, "compose.yaml")); !strings.Contains(text, "127.0.0.1:"+held+":3000") {
		t.Errorf("Grafana is not published at %s:\n%s", held, text)
	}
}
