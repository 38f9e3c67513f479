//go:build keda

package keda_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v2 "k8s.io/api/autoscaling/v2"

	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"

	"github.com/flyball-io/flyball/test/keda/scalers"
)

const within = 60 * time.Second

// TestMain builds flyball, unless FLYBALL names one.
func TestMain(m *testing.M) {
	if os.Getenv("FLYBALL") != "" {
		os.Exit(m.Run())
	}
	folder, err := os.MkdirTemp("", "flyball-keda-")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(folder, "flyball")
	build := exec.Command("go", "build", "-o", path, "./cmd/flyball")
	build.Dir, build.Stdout, build.Stderr = "../..", os.Stderr, os.Stderr
	status := 1
	if err := build.Run(); err == nil && os.Setenv("FLYBALL", path) == nil {
		status = m.Run()
	}
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

// flyball is the program while it runs, with a document in mode Recommend that
// wants a number of replicas.
type flyball struct {
	t        *testing.T
	document string
	address  string
	process  *os.Process
}

func run(t *testing.T, replicas int, flags ...string) *flyball {
	t.Helper()
	f := &flyball{t: t, document: filepath.Join(t.TempDir(), "web.yaml"), address: freeAddress(t)}
	f.want(replicas)
	arguments := append([]string{"run", "-f", f.document, "--simulate", "--speed", "1", "--listen", freeAddress(t), "--state-dir", t.TempDir(), "--keda-listen", f.address}, flags...)
	command := exec.Command(os.Getenv("FLYBALL"), arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log := &strings.Builder{}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	f.process = command.Process
	t.Cleanup(func() {
		_ = f.process.Signal(syscall.SIGCONT)
		_ = f.process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("flyball said:\n%s", log)
		}
	})
	return f
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// want makes the document want so many replicas; 0 closes the service.
func (f *flyball) want(replicas int) {
	f.t.Helper()
	window := fmt.Sprintf("min: %d", replicas)
	if replicas == 0 {
		window = "min: 0, max: 0"
	}
	text := fmt.Sprintf(`apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: web}
spec:
  mode: Recommend
  target:
    process: {command: [sleep, "60"], port: 18080}
  replicas: {min: 0, max: 40}
  sync: 1s
  policy:
    schedule: {windows: [{name: all, cron: "* * * * *", duration: 1h, %s}]}
`, window)
	if err := os.WriteFile(f.document, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// trigger is a trigger of a ScaledObject, as KEDA has read it.
func (f *flyball) trigger(change func(*scalersconfig.ScalerConfig)) *scalersconfig.ScalerConfig {
	c := &scalersconfig.ScalerConfig{ScalableObjectName: "web", ScalableObjectNamespace: "shop", ScalableObjectType: "ScaledObject", TriggerType: "external",
		TriggerMetadata: map[string]string{"scalerAddress": f.address, "autoscaler": "web"}, AuthParams: map[string]string{}, ResolvedEnv: map[string]string{}}
	if change != nil {
		change(c)
	}
	return c
}

func pull(t *testing.T, c *scalersconfig.ScalerConfig) scalers.Scaler {
	t.Helper()
	s, err := scalers.NewExternalScaler(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// asked is the number that KEDA hands over to its HorizontalPodAutoscaler.
func asked(ctx context.Context, s scalers.Scaler, metric string) (replicas int64, active bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	values, active, err := s.GetMetricsAndActivity(ctx, metric)
	if err != nil {
		return 0, false, err
	}
	if len(values) != 1 {
		return 0, false, fmt.Errorf("%d values", len(values))
	}
	return values[0].Value.Value(), active, nil
}

const metric = "s0-flyball-desired-replicas"

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func TestKEDAHandsOverTheDecidedNumber(t *testing.T) {
	f := run(t, 7)
	s := pull(t, f.trigger(nil))
	number := func(want int64) func() bool {
		return func() bool {
			got, active, err := asked(t.Context(), s, metric)
			return err == nil && got == want && active == (want > 0)
		}
	}
	eventually(t, "7 replicas", number(7))

	specs := s.GetMetricSpecForScaling(t.Context())
	if len(specs) != 1 || specs[0].External == nil || specs[0].External.Metric.Name != metric ||
		specs[0].External.Target.Type != v2.AverageValueMetricType || specs[0].External.Target.AverageValue.Value() != 1 {
		t.Errorf("the metric of the HorizontalPodAutoscaler: got %+v, want %s with an average of 1", specs, metric)
	}

	f.want(31)
	eventually(t, "31 replicas", number(31))
	f.want(0)
	eventually(t, "none, decided so", number(0))

	// What is not known is an error: KEDA keeps what there is.
	unknown := pull(t, f.trigger(func(c *scalersconfig.ScalerConfig) { c.TriggerMetadata["autoscaler"] = "zoo" }))
	if _, _, err := asked(t.Context(), unknown, metric); err == nil || !strings.Contains(err.Error(), "there is no Autoscaler zoo in namespace shop here; known: web") {
		t.Errorf("an unknown Autoscaler: got %v", err)
	}
	f.want(5)
	eventually(t, "5 replicas", number(5))
	if err := f.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an error, as Flyball hangs", func() bool { // the signal takes a moment
		n, _, err := asked(t.Context(), s, metric)
		if err == nil && n != 5 {
			t.Errorf("Flyball hangs, and KEDA takes %d", n)
		}
		return err != nil
	})
	_ = f.process.Kill()
	if n, _, err := asked(t.Context(), s, metric); err == nil {
		t.Errorf("Flyball is gone, and KEDA takes %d", n)
	}
}

// KEDA's push scaler is told at once that something must start.
func TestKEDAIsTold(t *testing.T) {
	f := run(t, 0)
	s, err := scalers.NewExternalPushScaler(f.trigger(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan bool)
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx, told) }()
	defer func() {
		cancel()
		for range told { // until it is closed
		}
		<-ended
	}()
	next := func(want bool) {
		t.Helper()
		for deadline := time.After(within); ; {
			select {
			case got := <-told:
				if got == want {
					return
				}
			case <-deadline:
				t.Fatalf("was not told %v", want)
			}
		}
	}
	next(false)
	f.want(3)
	next(true)
	f.want(0)
	next(false)
}

// With certificates of both ends, as a TriggerAuthentication names them.
func TestKEDAWithCertificates(t *testing.T) {
	folder := t.TempDir()
	authority := certify(t, folder, "ca", nil)
	certify(t, folder, "server", authority)
	certify(t, folder, "client", authority)
	file := func(name string) string { return filepath.Join(folder, name) }
	f := run(t, 4, "--keda-tls-cert", file("server.crt"), "--keda-tls-key", file("server.key"), "--keda-client-ca", file("ca.crt"))
	read := func(name string) string {
		text, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	known := pull(t, f.trigger(func(c *scalersconfig.ScalerConfig) {
		c.AuthParams["caCert"], c.AuthParams["tlsClientCert"], c.AuthParams["tlsClientKey"] = read("ca.crt"), read("client.crt"), read("client.key")
	}))
	eventually(t, "4 replicas", func() bool {
		n, active, err := asked(t.Context(), known, metric)
		return err == nil && n == 4 && active
	})
	for name, change := range map[string]func(*scalersconfig.ScalerConfig){
		"no certificate": func(c *scalersconfig.ScalerConfig) { c.AuthParams["caCert"] = read("ca.crt") },
		"unencrypted":    nil,
	} {
		if n, _, err := asked(t.Context(), pull(t, f.trigger(change)), metric); err == nil {
			t.Errorf("%s: was told %d", name, n)
		}
	}
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// certify writes NAME.crt and NAME.key, signed by an authority or as one.
func certify(t *testing.T, folder, name string, by *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: by == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	if by == nil {
		by = &authority{of, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, of, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for ending, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(folder, name+"."+ending), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &authority{of, key}
}
