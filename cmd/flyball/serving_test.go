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
