package haproxy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

// HAProxy itself takes what is shipped, with everything on and everything off,
// for any threshold.
func TestHAProxyAcceptsWhatIsShipped(t *testing.T) {
	testenv.Long(t)
	program := testenv.Command(t, "haproxy")
	dir := t.TempDir()
	full := haproxy.DefaultSite("*:8443", 50)
	full.HealthPath, full.RateLimit, full.CertFile = "/healthz", 100, filepath.Join(dir, "site.pem")
	plain := haproxy.DefaultSite(":8080", 1)
	plain.BreakAfter = 0
	for _, tc := range []struct {
		name      string
		site      haproxy.Site
		threshold time.Duration
		stateFile string
	}{
		{"plain", plain, 0, ""},
		{"everything", full, 500 * time.Millisecond, filepath.Join(dir, "state")},
		{"the shortest threshold", plain, time.Millisecond, ""},
		{"a very short threshold", plain, 50 * time.Microsecond, ""},
		{"the longest threshold", plain, time.Minute, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := haproxy.Default()
			cfg.Threshold, cfg.StateFile = scale.Duration(tc.threshold), tc.stateFile
			var text bytes.Buffer
			if err := haproxy.Render(&text, cfg, tc.site); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "haproxy.cfg")
			if tc.site.CertFile != "" {
				balancertest.TLSClient(t, tc.site.CertFile)
			}
			if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, "-c", "-f", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("[ALERT]")) {
				t.Errorf("%v: %s\n%s", err, out, text.String())
			}
		})
	}
}

func TestFaultsAreSaidTogether(t *testing.T) {
	err := haproxy.Render(&bytes.Buffer{}, haproxy.Config{Backend: "a;b"}, haproxy.Site{Listen: "8080", HealthPath: "/a b"})
	for _, want := range []string{"socket", "backend", "pollInterval", "listen", "slots", "healthPath", "responseTimeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in %v", want, err)
		}
	}
}
