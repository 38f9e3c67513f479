//go:build linux

package operator

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
)

const byCPU = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: web}
spec:
  target: {kubernetes: {name: web}}
  replicas: {min: 1, max: 9}
  sync: 5s
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  policy: {hpa: {cpuUtilization: 50}}
`

// metrics-server is killed as the CPU falls: the count stays, that is told, and
// when it is back the count follows.
func TestTheMetricsAPIGoesAndComesBack(t *testing.T) {
	c := installWhatShips(t)
	c.Metrics(t)
	c.operate(t, asShipped)
	s := &site{installed: c, name: "web"}
	c.Apply(t, c.namespace, strings.Replace(fmt.Sprintf(webDeployment, "web"), "replicas: 1", "replicas: 4", 1))
	s.reaches(t, 4)
	s.watched(t)
	c.SetCPU(t, c.namespace, "app=web", "50m")
	clustertest.Eventually(t, time.Minute, func(ctx context.Context) error {
		out, err := c.KubectlCommand(ctx, c.Kubeconfig, "top", "pods", "-n", c.namespace).CombinedOutput()
		if err != nil || strings.Count(string(out), " 50m") != 4 {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	c.Apply(t, c.namespace, byCPU)
	c.says(t, "web", condition("ScalingActive"), "True ValidMetricFound")

	c.MetricsServer.Kill(t)
	c.SetCPU(t, c.namespace, "app=web", "5m") // 5 % of what they request: for one replica
	c.says(t, "web", condition("DataFresh"), "False SourceFailed")
	told(t, c, "web", "DataLost")
	s.keeps(t, 4, 20*time.Second) // two of its periods
	c.MetricsServer.Start(t)
	began := time.Now()
	c.says(t, "web", condition("DataFresh"), "True Fresh")
	recovered(t, "metrics-server back (it measures every 10 s), until the data is fresh", time.Since(began))
	s.reaches(t, 1)
	recovered(t, "metrics-server back, until the count follows", time.Since(began))
	s.only(t, 4, 1)
}
