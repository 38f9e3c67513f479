package keda_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/serve/keda"
	pb "github.com/flyball-io/flyball/serve/keda/externalscaler"
	"github.com/flyball-io/flyball/web"
)

// rig is a scaler that is served, with one who asks it as KEDA does.
type rig struct {
	t      *testing.T
	bus    *memory.Bus
	scaler *keda.Scaler
	client pb.ExternalScalerClient
	stop   func()
}

func serve(t *testing.T, server, client *tls.Config) *rig {
	t.Helper()
	r := &rig{t: t, bus: memory.New()}
	r.scaler = keda.New(keda.Options{Bus: r.bus, Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	r.scaler.SetTargets([]web.TargetInfo{{Name: "web", Sync: 15 * time.Second}, {Name: "shop.web", Sync: 15 * time.Second}, {Name: "quick", Sync: time.Second}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := (&keda.Server{Scaler: r.scaler, TLS: server,
			Listen: func(context.Context) (net.Listener, error) { return listener, nil }}).Run(ctx); err != nil {
			t.Error(err)
		}
	})
	r.stop = func() { cancel(); serving.Wait() }
	t.Cleanup(r.stop)
	with := insecure.NewCredentials()
	if client != nil {
		with = credentials.NewTLS(client)
	}
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(with))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	r.client = pb.NewExternalScalerClient(connection)
	return r
}

// decide tells the bus what was decided, until the scaler has heard it.
func (r *rig) decide(target string, replicas int, at time.Time) {
	r.t.Helper()
	d := record.Decided{Decision: scale.Decision{Target: target, At: at, DesiredReplicas: replicas, CurrentReplicas: 1}, Mode: scale.Recommend}
	deadline := clock.System.After(10 * time.Second)
	for {
		if err := control.Decisions(r.bus, target).Publish(r.t.Context(), d); err != nil {
			r.t.Fatal(err)
		}
		select { // the scaler may not have subscribed yet
		case <-clock.System.After(20 * time.Millisecond):
		case <-deadline:
			r.t.Fatal("the decision is not heard")
		}
		got, err := r.client.GetMetrics(r.t.Context(), metrics(trigger(target)))
		if err == nil && got.MetricValues[0].MetricValue == int64(replicas) || status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), " old") {
			return
		}
	}
}

// soon ends what would otherwise be waited for without end.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func trigger(autoscaler string) *pb.ScaledObjectRef {
	return &pb.ScaledObjectRef{Name: "web", Namespace: "elsewhere", ScalerMetadata: map[string]string{"scalerAddress": "x", "autoscaler": autoscaler}}
}

func metrics(ref *pb.ScaledObjectRef) *pb.GetMetricsRequest {
	return &pb.GetMetricsRequest{ScaledObjectRef: ref, MetricName: keda.Metric}
}

func (r *rig) number(ref *pb.ScaledObjectRef) (float64, error) {
	r.t.Helper()
	got, err := r.client.GetMetrics(r.t.Context(), metrics(ref))
	if err != nil {
		return 0, err
	}
	if v := got.MetricValues; len(v) != 1 || v[0].MetricName != keda.Metric || float64(v[0].MetricValue) != v[0].MetricValueFloat {
		r.t.Errorf("got %v, want one value of %s, the same twice", v, keda.Metric)
	}
	return got.MetricValues[0].MetricValueFloat, nil
}

func TestTheNumberThatWasDecided(t *testing.T) {
	r := serve(t, nil, nil)
	for _, n := range []int{7, 3, 0, 5} {
		r.decide("web", n, clock.System.Now())
		if got, err := r.number(trigger("web")); err != nil || got != float64(n) {
			t.Errorf("got %v, %v; want %d", got, err, n)
		}
		active, err := r.client.IsActive(t.Context(), trigger("web"))
		if err != nil || active.Result != (n > 0) {
			t.Errorf("active with %d: got %v, %v", n, active, err)
		}
	}
	spec, err := r.client.GetMetricSpec(t.Context(), trigger("web"))
	if err != nil || len(spec.MetricSpecs) != 1 || spec.MetricSpecs[0].TargetSizeFloat != 1 || spec.MetricSpecs[0].TargetSize != 1 || spec.MetricSpecs[0].MetricName != keda.Metric {
		t.Errorf("got %v, %v; want a target of 1 per replica", spec, err)
	}
}

// What the operator runs is known by its namespace: that of the ScaledObject,
// unless the trigger names another.
func TestAutoscalerOfANamespace(t *testing.T) {
	r := serve(t, nil, nil)
	r.decide("web", 2, clock.System.Now())
	r.decide("shop.web", 9, clock.System.Now())
	in := trigger("web")
	in.Namespace = "shop"
	stated := trigger("web")
	stated.ScalerMetadata["namespace"] = "shop"
	for name, tc := range map[string]struct {
		ref  *pb.ScaledObjectRef
		want float64
	}{"a document": {trigger("web"), 2}, "of the ScaledObject": {in, 9}, "stated": {stated, 9}, "full name": {trigger("shop.web"), 9}} {
		if got, err := r.number(tc.ref); err != nil || got != tc.want {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, tc.want)
		}
	}
}

// What is not known is an error, and no zero that ends all replicas.
func TestWhatIsNotKnownIsAnError(t *testing.T) {
	r := serve(t, nil, nil)
	r.decide("web", 4, clock.System.Now())
	r.decide("quick", 4, clock.System.Now().Add(-time.Minute))
	for name, tc := range map[string]struct {
		ref  *pb.ScaledObjectRef
		code codes.Code
		says string
	}{
		"no such":   {trigger("zoo"), codes.NotFound, "there is no Autoscaler zoo in namespace elsewhere here; known: quick, shop.web, web"},
		"not named": {&pb.ScaledObjectRef{Name: "web"}, codes.InvalidArgument, "autoscaler must name an Autoscaler"},
		"undecided": {trigger("shop.web"), codes.Unavailable, "nothing has been decided yet for Autoscaler shop.web"},
		"stale":     {trigger("quick"), codes.Unavailable, "the last decision for Autoscaler quick is 1m0s old, more than 10s"},
	} {
		_, of := r.client.GetMetrics(t.Context(), metrics(tc.ref))
		_, active := r.client.IsActive(t.Context(), tc.ref)
		stream, err := r.client.StreamIsActive(soon(t), tc.ref)
		if err != nil {
			t.Fatal(err)
		}
		_, pushed := stream.Recv()
		for call, err := range map[string]error{"GetMetrics": of, "IsActive": active, "StreamIsActive": pushed} {
			if status.Code(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s, %s: got %v, want %v saying %q", name, call, err, tc.code, tc.says)
			}
		}
		// The metric itself does not go away while there is no number.
		_, err = r.client.GetMetricSpec(t.Context(), tc.ref)
		if want := tc.code != codes.Unavailable; (err != nil) != want {
			t.Errorf("%s: the metric: got %v, want an error %v", name, err, want)
		}
	}
	if _, err := r.client.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: trigger("web"), MetricName: "else"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("another metric: got %v", err)
	}
}

// Who pauses an Autoscaler wants the count left alone, by those who follow it too.
func TestWhatIsPausedSaysNoNumber(t *testing.T) {
	r := serve(t, nil, nil)
	r.decide("web", 4, clock.System.Now())
	paused := record.Decided{Decision: scale.Decision{Target: "web", At: clock.System.Now(), DesiredReplicas: 9, CurrentReplicas: 4}, Mode: scale.Paused}
	if err := control.Decisions(r.bus, "web").Publish(t.Context(), paused); err != nil {
		t.Fatal(err)
	}
	var err error
	for heard := clock.System.Now(); clock.System.Now().Sub(heard) < 10*time.Second; {
		var got float64
		if got, err = r.number(trigger("web")); err != nil || got == 9 {
			break
		}
	}
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "Autoscaler web is paused") {
		t.Errorf("paused: got %v, want %v", err, codes.Unavailable)
	}
	if _, err := r.client.IsActive(t.Context(), trigger("web")); status.Code(err) != codes.Unavailable {
		t.Errorf("paused: active: got %v, want %v", err, codes.Unavailable)
	}
	r.decide("web", 6, clock.System.Now()) // in mode Recommend
	if got, err := r.number(trigger("web")); err != nil || got != 6 {
		t.Errorf("after the pause: got %v, %v; want 6", got, err)
	}
}

// An Autoscaler that is removed is no longer known; what stays keeps its number.
func TestDocumentsThatChange(t *testing.T) {
	r := serve(t, nil, nil)
	r.decide("web", 4, clock.System.Now())
	r.scaler.SetTargets([]web.TargetInfo{{Name: "web", Sync: time.Second}})
	if got, err := r.number(trigger("web")); err != nil || got != 4 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := r.number(trigger("quick")); status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
}

// KEDA is told at once when something must start, and only of changes; the
// stream ends with Flyball.
func TestPush(t *testing.T) {
	r := serve(t, nil, nil)
	r.decide("web", 0, clock.System.Now())
	stream, err := r.client.StreamIsActive(t.Context(), trigger("web"))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan bool)
	ended := make(chan error, 1)
	go func() {
		for {
			m, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			told <- m.Result
		}
	}()
	next := func(want bool) {
		t.Helper()
		select {
		case got := <-told:
			if got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		case <-clock.System.After(10 * time.Second):
			t.Fatalf("nothing was told, want %v", want)
		}
	}
	next(false)
	r.decide("web", 2, clock.System.Now())
	next(true)
	r.decide("web", 5, clock.System.Now()) // nothing new to KEDA
	r.decide("web", 0, clock.System.Now())
	next(false)
	r.stop()
	select {
	case err := <-ended:
		if status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
	case <-clock.System.After(10 * time.Second):
		t.Error("the stream goes on")
	}
}

// A stream does not go on telling what is not known any more.
func TestPushEndsWhenTheDecisionIsOld(t *testing.T) {
	r := serve(t, nil, nil)
	r.decide("quick", 3, clock.System.Now().Add(-9500*time.Millisecond))
	stream, err := r.client.StreamIsActive(soon(t), trigger("quick"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), " old") {
		t.Errorf("got %v", err)
	}
}

func TestMutualTLS(t *testing.T) {
	authority, pool := certificate(t, nil)
	server, _ := certificate(t, &authority)
	client, _ := certificate(t, &authority)
	demanding := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	known := serve(t, demanding, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{client}})
	known.decide("web", 6, clock.System.Now())
	if got, err := known.number(trigger("web")); err != nil || got != 6 {
		t.Errorf("got %v, %v", got, err)
	}
	unknown := serve(t, demanding, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool})
	if _, err := unknown.number(trigger("web")); err == nil || status.Code(err) != codes.Unavailable {
		t.Errorf("without a certificate: got %v", err)
	}
}

// certificate is signed by an authority, or is one.
func certificate(t *testing.T, by *tls.Certificate) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := clock.System.Now()
	of := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: by == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	parent, signer := of, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, of, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// What KEDA makes of it: a HorizontalPodAutoscaler with an external metric, an
// average value of 1 and no tolerance wants as many replicas as were decided.
// With the usual tolerance changes of a tenth are not followed.
func TestTheHorizontalPodAutoscalerLandsOnTheNumber(t *testing.T) {
	wants := func(current, decided int, tolerance float64) int {
		one := 1.0
		p, err := hpa.New(hpa.Config{Tolerance: tolerance, Metrics: []hpa.Metric{{Type: hpa.External, Signal: keda.Metric, AverageValue: &one}}}, policy.Env{})
		if err != nil {
			t.Fatal(err)
		}
		at := scaletest.At(0)
		got, err := p.Recommend(scale.Observation{At: at, CurrentReplicas: current, ObservedReplicas: current,
			Signals: []scale.Signal{{Name: keda.Metric, Trust: scale.Fresh, Points: []series.Point{{At: at, Value: float64(decided)}}}}})
		if err != nil {
			t.Fatal(err)
		}
		return got.Replicas
	}
	for current := 1; current <= 60; current++ {
		for decided := range 120 {
			if got := wants(current, decided, 0); got != decided {
				t.Errorf("%d decided on %d: got %d", decided, current, got)
			}
			if got := wants(current, decided, 0.1); current < 10 && got != decided {
				t.Errorf("%d decided on %d, below ten replicas: got %d", decided, current, got)
			}
		}
	}
	if got := wants(20, 21, 0.1); got != 20 {
		t.Errorf("21 decided on 20 with a tolerance of 10 %%: got %d, want 20 as the manual says", got)
	}
}
