//go:build linux

package operator

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/operator"
	"github.com/flyball-io/flyball/serve/keda"
	pb "github.com/flyball-io/flyball/serve/keda/externalscaler"
)

// KEDA asks through a Service, and so whichever instance: one that waits has the
// number of the one that acts; and once that one has ended, its own.
func TestKEDAIsAnsweredByEveryInstance(t *testing.T) {
	c := install(t)
	server, err := url.Parse(c.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	first, port := c.answering(t, server.Hostname(), "0") // an address that others reach, as pods have
	c.world.Load("web", 45)
	c.Apply(t, c.namespace, document("web", "web"))
	c.says(t, "web", "{.status.currentReplicas}", "5")
	second, _ := c.answering(t, "127.0.0.1", port)

	connection, err := grpc.NewClient(net.JoinHostPort("127.0.0.1", port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	number := func(want int64) {
		t.Helper()
		ref := &pb.ScaledObjectRef{Name: "web", Namespace: c.namespace, ScalerMetadata: map[string]string{"autoscaler": "web"}}
		clustertest.Eventually(t, time.Minute, func(ctx context.Context) error {
			got, err := pb.NewExternalScalerClient(connection).GetMetrics(ctx, &pb.GetMetricsRequest{ScaledObjectRef: ref, MetricName: keda.Metric})
			if err == nil && got.MetricValues[0].MetricValue != want {
				err = fmt.Errorf("got %v, want %d", got, want)
			}
			return err
		})
	}
	number(5)
	c.world.Load("web", 85)
	number(9)
	select {
	case err := <-second.done:
		t.Fatalf("the one that is to wait has ended: %v", err)
	default:
	}
	if err := first.stop(); err != nil {
		t.Error(err)
	}
	c.world.Load("web", 25)
	number(3)
}

// answering begins an instance that answers KEDA at a port of a host.
func (c *installed) answering(t *testing.T, host, port string) (i *instance, at string) {
	t.Helper()
	listen := func(port string) net.Listener {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	asked, dashboard := listen(port), listen("0")
	_, at, err := net.SplitHostPort(asked.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c.operate(t, func(o *operator.Options) {
		o.App.Bus = memory.New()
		o.Dashboard, o.Relay = dashboard, operator.NewRelay(asked, o.App.Log)
		scaler := keda.New(keda.Options{Bus: o.App.Bus, Clock: o.App.Clock, Log: o.App.Log})
		o.App.Beside = []app.Beside{&keda.Server{Scaler: scaler, Listen: func(context.Context) (net.Listener, error) { return o.Relay.Acting(), nil }}}
	}), at
}

// Manifests are applied in one go: an operator that is there before its
// definition is known waits for it.
func TestAnOperatorWaitsForItsDefinition(t *testing.T) {
	c := install(t)
	c.Kubectl(t, "delete", "crd", "autoscalers.flyball.io")
	i := c.operate(t)
	select {
	case err := <-i.done:
		t.Fatalf("without the definition it ends: %v", err)
	case <-time.After(3 * time.Second):
	}
	c.define(t)
	c.world.Load("web", 45)
	c.Apply(t, c.namespace, document("web", "web"))
	c.says(t, "web", "{.status.currentReplicas}", "5")
}
