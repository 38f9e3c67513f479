package clustertest

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// ServeAPI puts an API of the test's own behind the API server until the test
// ends, as adapters do (custom.metrics.k8s.io …). The handler is asked for
// /apis/GROUP/VERSION and what is below; who asks is in X-Remote-User.
func (c *Cluster) ServeAPI(t testing.TB, group, version string, handler http.Handler) {
	t.Helper()
	name := strings.ReplaceAll(group, ".", "-") + "-" + version
	if err := c.authority.issue(name, name, nil, name+".kube-system.svc"); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(c.path("pki", name+".crt"), c.path("pki", name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", nodeAddress+":0", &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close() // what it cuts off was for a test that is over
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	c.aggregate(t, group, version, name, listener.Addr().(*net.TCPAddr).Port)
	t.Cleanup(func() { c.forget(t, group, version) })
	Eventually(t, settleTimeout, func(ctx context.Context) error {
		return c.Client.CoreV1().RESTClient().Get().AbsPath("/apis", group, version).Do(ctx).Error()
	})
}

// aggregate tells the API server where an API of another process is: outside of
// the cluster's own network, so the Service has no selector and the
// EndpointSlice is written by hand.
func (c *Cluster) aggregate(t testing.TB, group, version, name string, port int) {
	t.Helper()
	ca, err := os.ReadFile(c.path("pki/ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, "kube-system", fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[3]s, namespace: kube-system}
spec:
  ports: [{name: https, port: 443, targetPort: %[5]d}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: %[3]s-1
  namespace: kube-system
  labels: {kubernetes.io/service-name: %[3]s}
addressType: IPv4
ports: [{name: https, port: %[5]d, protocol: TCP}]
endpoints: [{addresses: ["%[4]s"]}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[2]s.%[1]s}
spec:
  group: %[1]s
  version: %[2]s
  service: {name: %[3]s, namespace: kube-system}
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %[6]s
`, group, version, name, nodeAddress, port, base64.StdEncoding.EncodeToString(ca)))
}

func (c *Cluster) forget(t testing.TB, group, version string) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	name := version + "." + group
	err := c.Client.CoreV1().RESTClient().Delete().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices", name).Do(ctx).Error()
	if err != nil {
		t.Errorf("forget the API %s: %v", name, err)
	}
}
