package remote_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
)

func TestFaultsOfConfigurations(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*remote.Config)
		want   string // "" : none
	}{
		"all defaults":          {func(*remote.Config) {}, ""},
		"no address":            {func(c *remote.Config) { c.URL = "" }, "url: must begin with"},
		"no scheme":             {func(c *remote.Config) { c.URL = "agent:8000/decide" }, "url: must begin with"},
		"a password in it":      {func(c *remote.Config) { c.URL = "http://a:secret@agent" }, "url: must not hold a user"},
		"another format":        {func(c *remote.Config) { c.Format = "grpc" }, `format: must be flyball or intelliscale, got "grpc"`},
		"no time":               {func(c *remote.Config) { c.Timeout = 0 }, "timeout: must be above 0 and at most 30s"},
		"too much time":         {func(c *remote.Config) { c.Timeout = scale.Duration(time.Minute) }, "timeout: must be above 0 and at most 30s"},
		"asked too seldom":      {func(c *remote.Config) { c.Every = scale.Duration(time.Minute) }, "every: must be below maxAge (30s)"},
		"no fallback":           {func(c *remote.Config) { c.Fallback = scale.Plugin{} }, "fallback: needs exactly one policy"},
		"half a certificate":    {func(c *remote.Config) { c.TLS.CertFile = "x" }, "tls.certFile"},
		"a header that is none": {func(c *remote.Config) { c.Headers = map[string]scale.Secret{"a b": "x"} }, `headers: "a b"`},
		"a header's line break": {func(c *remote.Config) { c.Headers = map[string]scale.Secret{"A": "x\ny"} }, `headers: "A"`},
		"two ways to say who asks": {func(c *remote.Config) {
			c.Headers, c.BearerTokenFile = map[string]scale.Secret{"authorization": "x"}, "t"
		}, "headers: Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			tc.change(&cfg)
			err := cfg.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret@") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

// Answers of one name are used by all policies that ask for it.
func TestTheNameOfWhoIsAsked(t *testing.T) {
	a, b := config(), config()
	b.Fallback.Kind = "hpa"
	if a.From() != b.From() {
		t.Error("another fallback asks somebody else")
	}
	b.Format = remote.IntelliScale
	if a.From() == b.From() {
		t.Error("another format asks the same")
	}
	c := config()
	c.URL += "?key=hunter2hunter2"
	c.Headers = map[string]scale.Secret{"X-Key": "hunter2hunter2"}
	if shown := fmt.Sprint(c.From(), c.String(), c); strings.Contains(c.From()+c.String(), "hunter2") || strings.Contains(fmt.Sprint(c.Headers), "hunter2") {
		t.Errorf("a secret is shown in %s", shown)
	}
	if need := c.Needs()[0]; need.From != c.From() || need.Config.(*remote.Config).Fallback.Kind != "" {
		t.Errorf("got %+v, want who is asked and no fallback", need)
	}
}
