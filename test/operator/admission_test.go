//go:build linux

package operator

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/operator"
	"github.com/flyball-io/flyball/operator/admission"
)

// front is the Service under which the API server reaches a webhook of this
// process: it has no pods.
const front = `
apiVersion: v1
kind: Service
metadata: {name: flyball}
spec: {ports: [{name: webhook, port: 9443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: flyball, labels: {kubernetes.io/service-name: flyball}}
addressType: IPv4
ports: [{name: webhook, port: 9443, protocol: TCP}]
endpoints: [{addresses: [10.77.0.1], conditions: {ready: true}}]
`

// A wrong document is refused when it is applied, with all its faults; one that
// comes in while nobody judges is taken, and told by its status.
func TestAdmissionInARealCluster(t *testing.T) {
	c := install(t)
	c.Apply(t, own, front)
	c.Apply(t, own, shipped(t, "ValidatingWebhookConfiguration"))
	defer c.Kubectl(t, "delete", "validatingwebhookconfiguration", "flyball")
	wrong := strings.NewReplacer("requestRate", "nothingMeasured", "min: 1", "min: 0").Replace(document("wrong", "wrong"))

	c.Apply(t, c.namespace, wrong) // nobody judges yet
	i := c.operate(t, func(o *operator.Options) {
		o.Admission = &admission.Webhook{Address: "10.77.0.1:9443", Namespace: own, Service: "flyball", Secret: admission.DefaultSecret,
			Configuration: admission.DefaultConfiguration, Clock: clock.System, Log: o.App.Log}
	})
	c.says(t, "wrong", condition("Ready"), "False InvalidDocument")
	other := strings.ReplaceAll(wrong, "wrong", "other")
	clustertest.Eventually(t, 30*time.Second, func(ctx context.Context) error {
		cmd := c.KubectlCommand(ctx, c.Kubeconfig, "apply", "-n", c.namespace, "--dry-run=server", "-f", "-")
		cmd.Stdin = strings.NewReader(other)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return fmt.Errorf("was taken")
		}
		for _, want := range []string{"spec.replicas.min: must be at least 1 behind this balancer", `nobody measures the signal "nothingMeasured"`} {
			if !strings.Contains(string(out), want) {
				return fmt.Errorf("kubectl says %s; want %q", out, want)
			}
		}
		return nil
	})
	c.Apply(t, c.namespace, document("right", "right"))
	c.Kubectl(t, "label", "fas", "wrong", "-n", c.namespace, "team=shop") // not a matter of the document
	if err := i.stop(); err != nil {
		t.Error(err)
	}
	c.Apply(t, c.namespace, other) // nobody judges any more: nothing waits for Flyball
}
