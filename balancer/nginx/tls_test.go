//go:build linux

package nginx_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/nginx"
)

func TestTLS(t *testing.T) {
	var client *http.Client
	p := start(t, func(c *nginx.Config, s *nginx.Site) {
		s.CertFile = filepath.Join(filepath.Dir(c.PIDFile), "site.pem")
		s.KeyFile = s.CertFile
		client = balancertest.TLSClient(t, s.CertFile)
	})
	p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	response, err := client.Get("https" + strings.TrimPrefix(p.URL, "http"))
	p.Must(err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("answered %s", response.Status)
	}
}
