package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestAllowedHostsAreNames(t *testing.T) {
	for host, fine := range map[string]bool{
		"flyball.example.com": true, "flyball": true, "": false, "https://flyball.example.com": false, "flyball.example.com:443": false, "*.example.com": false, "a/b": false,
	} {
		f := &servingFlags{}
		flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse([]string{"--allowed-host", "localhost", "--allowed-host", host}); err != nil {
			t.Fatal(err)
		}
		err := f.check()
		if (err == nil) != fine || (err != nil && !strings.Contains(err.Error(), "--allowed-host: must be a name")) {
			t.Errorf("--allowed-host %q: %v, want fine %v", host, err, fine)
		}
		if len(f.hosts) != 2 {
			t.Errorf("hosts %q, want both", f.hosts)
		}
	}
}

// In a container a file of the host has the wrong owner: tokens may come from
// the environment, and then others may reach the address.
func TestTokensFromTheEnvironment(t *testing.T) {
	f := &servingFlags{listen: "0.0.0.0:7070"}
	if err := f.check(); err == nil || !strings.Contains(err.Error(), "FLYBALL_TOKENS") {
		t.Errorf("an open address without tokens: %v, want a fault that names both ways", err)
	}
	t.Setenv("FLYBALL_TOKENS", "anna:0123456789012345678901234567,prometheus:7654321098765432109876543210")
	if err := f.check(); err != nil {
		t.Errorf("with tokens: %v", err)
	}
	tokens, err := f.tokens()
	if err != nil || len(tokens) != 2 || tokens[1].Name != "prometheus" {
		t.Errorf("got %v, %v, want those of anna and prometheus", tokens, err)
	}
	t.Setenv("FLYBALL_TOKENS", "anna:short")
	if _, err := f.tokens(); err == nil || !strings.Contains(err.Error(), "FLYBALL_TOKENS: line 1") || strings.Contains(err.Error(), "short:") {
		t.Errorf("a token that is too short: %v", err)
	}
}
