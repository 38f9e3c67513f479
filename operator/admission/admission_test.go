package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	admission "k8s.io/api/admission/v1"
	registration "k8s.io/api/admissionregistration/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/flyball-io/flyball/internal/clock"
)

const host = "flyball.flyball-system.svc"

// A certificate is replaced before it ends, and what the API server believes
// stays good for those who have not heard of it.
func TestCertificatesAreReplacedInTime(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m, fresh, err := renew(material{}, host, start)
	if err != nil || !fresh {
		t.Fatalf("the first: fresh %v, %v", fresh, err)
	}
	day := 24 * time.Hour
	for _, tc := range []struct {
		name             string
		after            time.Duration
		host             string
		fresh, authority bool
	}{
		{"at once", 0, host, false, false},
		{"after 59 days", 59 * day, host, false, false},
		{"after 61 days", 61 * day, host, true, false},
		{"under another name", 0, "other.ns.svc", true, false},
		{"long after its end", 200 * day, host, true, false},
		{"when the authority ends in less than a year", authorityHolds - 364*day, host, true, true},
		{"by a clock of years ago", -1000 * day, host, true, true},
	} {
		now := start.Add(tc.after)
		next, fresh, err := renew(m, tc.host, now)
		if err != nil || fresh != tc.fresh {
			t.Errorf("%s: fresh %v, %v; want %v", tc.name, fresh, err, tc.fresh)
			continue
		}
		if other := !bytes.Equal(next.AuthorityKey, m.AuthorityKey); other != tc.authority {
			t.Errorf("%s: another authority %v, want %v", tc.name, other, tc.authority)
		}
		if err := next.serves(tc.host, now); err != nil {
			t.Errorf("%s: the certificate does not serve: %v", tc.name, err)
		}
		if old := (material{Bundle: next.Bundle, Certificate: m.Certificate, Key: m.Key}); tc.after == 61*day && old.serves(host, start) != nil {
			t.Errorf("%s: the one before is not believed any more", tc.name)
		}
	}
	again, _, _ := renew(m, host, start.Add(authorityHolds-364*day))
	if !bytes.Contains(again.Bundle, m.Bundle) {
		t.Error("the older authority is not believed any more while others use what it signed")
	}
	if broken, fresh, err := renew(material{Bundle: []byte("x"), Certificate: m.Certificate}, host, start); err != nil || !fresh || broken.serves(host, start) != nil {
		t.Errorf("what cannot be read: fresh %v, %v; want a new one", fresh, err)
	}
}

func configuration() *registration.ValidatingWebhookConfiguration {
	return &registration.ValidatingWebhookConfiguration{ObjectMeta: meta.ObjectMeta{Name: DefaultConfiguration},
		Webhooks: []registration.ValidatingWebhook{{Name: "autoscalers.flyball.io"}}}
}

func webhook() *Webhook {
	return &Webhook{Namespace: "flyball-system", Service: "flyball", Secret: DefaultSecret, Configuration: DefaultConfiguration,
		Clock: clock.System, Log: slog.New(slog.DiscardHandler)}
}

// Two instances use the same certificate, whoever made it, and the API server
// is told who signed it.
func TestInstancesShareOneCertificate(t *testing.T) {
	client := fake.NewClientset(configuration())
	first, second := webhook(), webhook()
	for _, w := range []*Webhook{first, second, first} {
		if err := w.settle(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
	a, err := first.present(nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := second.present(nil); err != nil || !bytes.Equal(a.Certificate[0], b.Certificate[0]) {
		t.Errorf("the second presents another certificate: %v", err)
	}
	found, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), DefaultConfiguration, meta.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(found.Webhooks[0].ClientConfig.CABundle)
	if _, err := a.Leaf.Verify(x509.VerifyOptions{DNSName: first.host(), Roots: roots}); err != nil {
		t.Errorf("the API server would not believe it: %v", err)
	}
	patches := 0
	for _, action := range client.Actions() {
		if action.GetVerb() == "patch" {
			patches++
		}
	}
	if patches != 1 {
		t.Errorf("the configuration was changed %d times, want once", patches)
	}
}

// What the API server asks is answered over TLS, with all that is wrong.
func TestAWrongObjectIsRefused(t *testing.T) {
	w := webhook()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.Address = l.Addr().String()
	l.Close()
	m, _, err := renew(material{}, w.host(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.use(m); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: reviewer{func(object []byte) error {
		if bytes.Contains(object, []byte(`"mx"`)) {
			return errors.New("spec.replicas.mx: unknown field\nspec.sync: must be a duration")
		}
		return nil
	}, w.Log}, ReadHeaderTimeout: time.Second}
	plain, err := net.Listen("tcp", w.Address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(tls.NewListener(plain, &tls.Config{GetCertificate: w.present})) }()
	t.Cleanup(func() { _ = server.Close() })

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(m.Bundle)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: w.host()}}}
	ask := func(operation admission.Operation, before, now string) *admission.AdmissionResponse {
		t.Helper()
		in, err := json.Marshal(admission.AdmissionReview{TypeMeta: meta.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
			Request: &admission.AdmissionRequest{UID: "1", Operation: operation, Object: raw(now), OldObject: raw(before)}})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Post("https://"+w.Address+Path, "application/json", bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		var out admission.AdmissionReview
		if err := json.Unmarshal(body, &out); err != nil || out.Response == nil || out.Response.UID != "1" || out.Kind != "AdmissionReview" {
			t.Fatalf("%s: %v", body, err)
		}
		return out.Response
	}
	const wrong, right = `{"spec":{"replicas":{"mx":1}}}`, `{"spec":{"replicas":{"max":1}}}`
	for _, tc := range []struct {
		name        string
		operation   admission.Operation
		before, now string
		allowed     bool
	}{
		{"a right one", admission.Create, "", right, true},
		{"a wrong one", admission.Create, "", wrong, false},
		{"one that becomes wrong", admission.Update, right, wrong, false},
		{"one that becomes right", admission.Update, wrong, right, true},
		{"a label of a wrong one", admission.Update, wrong, `{"metadata":{"labels":{"a":"b"}},"spec":{"replicas":{"mx":1}}}`, true},
		{"a deletion", admission.Delete, wrong, "", true},
	} {
		got := ask(tc.operation, tc.before, tc.now)
		if got.Allowed != tc.allowed {
			t.Errorf("%s: allowed %v, want %v", tc.name, got.Allowed, tc.allowed)
		}
		if !tc.allowed && (got.Result == nil || !strings.Contains(got.Result.Message, "unknown field\nspec.sync")) {
			t.Errorf("%s: %+v, want every fault", tc.name, got.Result)
		}
	}
	if answer, err := client.Post("https://"+w.Address+Path, "application/json", strings.NewReader("{")); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("nonsense: %v, %v; want 400", answer, err)
	}
}

// An instance without a certificate is not ready, and one whose secret cannot
// be read says so.
func TestNotReadyWithoutACertificate(t *testing.T) {
	w := webhook()
	if err := w.Ready(nil); err == nil {
		t.Error("ready without a certificate")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.settle(ctx, fake.NewClientset()); err == nil || !strings.Contains(fmt.Sprint(err), "webhook.enabled") {
		t.Errorf("without a configuration: got %v, want where it is from", err)
	}
}

func raw(object string) (out runtime.RawExtension) {
	if object != "" {
		out.Raw = []byte(object)
	}
	return out
}
