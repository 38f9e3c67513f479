package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The configuration is that of the document's balancer, for its objective; a
// balancer of ours needs none.
func TestBalancerConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	token := filepath.Join(filepath.Dir(file), "token")
	if err := os.WriteFile(token, []byte("a-token-of-16-characters"), 0o600); err != nil {
		t.Fatal(err)
	}
	for balancer, want := range map[string]string{
		"haproxy: {backend: shop}": "server-template",
		"traefik: {http: {listen: ':9071', tokenFile: TOKEN}, metrics: {url: 'http://edge/metrics'}}": "address: \":80\"\n\nproviders:",
		"traefik: {route: {rule: 'Host(`a`)', certResolver: acme}}":                                   "route.certResolver: needs an email address",
		"builtin: {}":             "its balancer builtin needs no configuration of its own",
		"nginx: {program: /none}": "version of nginx: fork/exec /none: no such file or directory",
	} {
		document := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: shop}\nspec:\n  target: {process: {command: [sleep, '1']}}\n" +
			"  replicas: {max: 3}\n  balancer: {" + strings.Replace(balancer, "TOKEN", token, 1) + "}\n  objective: {latency: {threshold: 300ms, target: 99%}}\n"
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		cmd := newBalancerConfigCommand()
		cmd.SetOut(&out)
		cmd.SetArgs([]string{"-f", file, "--listen", "127.0.0.1:8080"})
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.Execute()
		if err != nil {
			out.WriteString(err.Error())
		}
		if !strings.Contains(out.String(), want) || strings.HasPrefix(balancer, "haproxy") != strings.Contains(out.String(), "bind 127.0.0.1:8080") {
			t.Errorf("%s: got %s, want %s", balancer, out.String(), want)
		}
	}
}

// A reload of nginx leaves requests as long as the document leaves those of a
// replica that ends: in the file that is written for an nginx of one's own, and
// for the one that is started beside Flyball.
func TestAReloadOfNginxWaitsForTheDrain(t *testing.T) {
	dir := t.TempDir()
	program, document, conf := filepath.Join(dir, "nginx"), filepath.Join(dir, "shop.yaml"), filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho nginx version: nginx/1.28.0 >&2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for drain, want := range map[string]time.Duration{"10m": 10 * time.Minute, "1s": 30 * time.Second} {
		text := fmt.Sprintf("apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: shop}\nspec:\n"+
			"  target: {process: {command: [sleep, '1'], drainTimeout: %s}}\n  replicas: {max: 3}\n"+
			"  balancer: {nginx: {program: %s, configFile: %s, pidFile: %s/pid, include: %s/upstream.conf}}\n", drain, program, conf, dir, dir)
		if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var printed strings.Builder
		cmd := newBalancerConfigCommand()
		cmd.SetOut(&printed)
		cmd.SetArgs([]string{"-f", document})
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		f := &besideFlags{documents: documentFlags{files: []string{document}}, listen: "127.0.0.1:8080", dir: dir}
		specs, err := f.documents.decode(strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		front, err := f.front(t.Context(), &specs[0])
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("worker_shutdown_timeout %dms;", want.Milliseconds())
		for name, written := range map[string]string{"balancer-config": printed.String(), "beside": readFile(t, conf)} {
			if !strings.Contains(written, line) {
				t.Errorf("%s, drainTimeout %s: want %s in\n%s", name, drain, line, written)
			}
		}
		if front.patience <= want {
			t.Errorf("drainTimeout %s: nginx is killed after %v", drain, front.patience)
		}
	}
}

// A balancer that is started beside Flyball waits for requests in progress as long
// as it is told, and is killed later than that.
func TestWhatRunsBesideIsGivenTimeToEnd(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "nginx")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho nginx version: nginx/1.28.0 >&2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for balancer, want := range map[string]string{
		"nginx: {program: " + program + ", configFile: DIR/nginx.conf, pidFile: DIR/pid, include: DIR/upstream.conf}": "nginx.conf worker_shutdown_timeout 300000ms;",
		"haproxy: {socket: DIR/haproxy.sock}": "haproxy.cfg hard-stop-after 300",
		"traefik: {}":                         `traefik.yml graceTimeOut: "5m`,
	} {
		document := filepath.Join(dir, "shop.yaml")
		text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: shop}\nspec:\n  target: {process: {command: [sleep, '1']}}\n" +
			"  replicas: {max: 3}\n  balancer: {" + strings.ReplaceAll(balancer, "DIR", dir) + "}\n"
		if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f := &besideFlags{documents: documentFlags{files: []string{document}}, listen: "127.0.0.1:8080", dir: dir, drain: 5 * time.Minute}
		specs, err := f.documents.decode(strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		front, err := f.front(t.Context(), &specs[0])
		if err != nil {
			t.Fatal(err)
		}
		file, line, _ := strings.Cut(want, " ")
		if written := readFile(t, filepath.Join(dir, file)); !strings.Contains(written, line) {
			t.Errorf("%s: want %s in\n%s", balancer, line, written)
		}
		if front.patience <= f.drain || front.patience >= f.drain+10*time.Second {
			t.Errorf("%s: is killed after %v, want a little more than %v and less than its container is given", balancer, front.patience, f.drain)
		}
	}
}
