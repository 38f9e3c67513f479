package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
