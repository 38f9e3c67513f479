package clustertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// metricsPort is where metrics-server answers.
const metricsPort = 4443

func (c *Cluster) layOutMetrics() {
	c.MetricsServer = c.component("metrics-server", answers(fmt.Sprintf("https://%s:%d/livez", nodeAddress, metricsPort)),
		"--kubeconfig", c.path("metrics-server.kubeconfig"),
		"--authentication-kubeconfig", c.path("metrics-server.kubeconfig"), "--authorization-kubeconfig", c.path("metrics-server.kubeconfig"),
		"--bind-address", nodeAddress, fmt.Sprintf("--secure-port=%d", metricsPort),
		"--tls-cert-file", c.path("pki/metrics-server.crt"), "--tls-private-key-file", c.path("pki/metrics-server.key"),
		"--kubelet-certificate-authority", c.path("pki/ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-use-node-status-port", // fake nodes have another
		"--metric-resolution=10s", "--kubelet-request-timeout=5s")
}

// Metrics adds metrics-server, the API metrics.k8s.io, with figures every 10 s,
// and waits until it answers. Figures of a pod are there 10 to 25 s after it
// began. It stays for the tests that follow.
func (c *Cluster) Metrics(t testing.TB) {
	t.Helper()
	if c.MetricsServer.wanted {
		return
	}
	c.Apply(t, "kube-system", metricsRights)
	c.aggregate(t, "metrics.k8s.io", "v1beta1", "metrics-server", metricsPort)
	c.want(t, c.MetricsServer)
	Eventually(t, startTimeout, c.metricsAnswer)
}

// metricsAnswer is whether the API server reaches metrics.k8s.io.
func (c *Cluster) metricsAnswer(ctx context.Context) error {
	raw, err := c.Client.CoreV1().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/nodes").DoRaw(ctx)
	if err == nil && len(raw) == 0 {
		return errors.New("metrics.k8s.io says nothing")
	}
	return err
}

// metricsRights are what metrics-server may.
const metricsRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:metrics-server"}
rules:
- {apiGroups: [""], resources: [nodes/metrics], verbs: [get]}
- {apiGroups: [""], resources: [pods, nodes], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:metrics-server"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:metrics-server"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:metrics-server"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "metrics-server:system:auth-delegator"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:metrics-server"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: metrics-server-auth-reader, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:metrics-server"}]
`
