package haproxy_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/balancertest"
	"github.com/flyball-io/flyball/balancer/haproxy"
)

func TestTLSAndTheLimitOfAClient(t *testing.T) {
	var client *http.Client
	p := start(t, 2, func(cfg *haproxy.Config, s *haproxy.Site) {
		s.CertFile, s.RateLimit = filepath.Join(filepath.Dir(cfg.Socket), "site.pem"), 2
		client = balancertest.TLSClient(t, s.CertFile)
	})
	p.Must(p.plane().SetBackends(t.Context(), []balancer.Backend{balancertest.Replica(t, "a", nil)}))
	seen := map[int]int{}
	for range 30 { // within the first ten seconds 20 are free
		response, err := client.Get("https" + strings.TrimPrefix(p.URL, "http"))
		p.Must(err)
		response.Body.Close()
		seen[response.StatusCode]++
	}
	if seen[http.StatusOK] != 20 || seen[http.StatusTooManyRequests] != 10 {
		t.Errorf("got %v, want 20 of 200 and 10 of 429", seen)
	}
}
