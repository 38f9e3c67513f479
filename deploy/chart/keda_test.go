package chart

import (
	"strings"
	"testing"
)

// KEDA reaches nothing unless that is asked for; then one port, that of the
// program, and from its own namespace alone.
func TestKEDAIsAnsweredWhereAskedFor(t *testing.T) {
	rendered := func(text string) string {
		t.Helper()
		out, err := Render(Operator, Release{Name: "flyball", Namespace: "flyball-system"}, values(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	without := "{crds: {install: false}}"
	if strings.Contains(rendered(without), "keda-") || strings.Contains(rendered(without), "port: keda") {
		t.Error("it is there although nobody asked")
	}
	plain := rendered("{crds: {install: false}, keda: {enabled: true}}")
	for _, want := range []string{
		"- --keda-listen=:6000\n", "{name: keda, containerPort: 6000}", "{name: keda, port: 6000, targetPort: keda}",
		"- {port: keda}\n    from:\n    # Instances that wait pass on to the one that acts.\n    - podSelector:\n        matchLabels:\n          app.kubernetes.io/name: flyball\n          app.kubernetes.io/instance: flyball\n" +
			"    - namespaceSelector:\n        matchLabels: {kubernetes.io/metadata.name: keda}\n",
	} {
		if !strings.Contains(plain, want) {
			t.Errorf("lacks %q:\n%s", want, plain)
		}
	}
	if strings.Contains(plain, "keda-tls") {
		t.Error("it has certificates that nobody gave")
	}
	encrypted := rendered("{crds: {install: false}, keda: {enabled: true, port: 6001, tls: {secret: certs, clients: true}, from: [{podSelector: {}}]}}")
	for _, want := range []string{
		"- --keda-listen=:6001\n", "- --keda-tls-cert=/etc/flyball/keda/tls.crt", "- --keda-client-ca=/etc/flyball/keda/ca.crt",
		"mountPath: /etc/flyball/keda, readOnly: true", "secret: {secretName: certs, defaultMode: 288}",
	} {
		if !strings.Contains(encrypted, want) {
			t.Errorf("lacks %q:\n%s", want, encrypted)
		}
	}
	if strings.Contains(encrypted, "metadata.name: keda") {
		t.Error("the namespace keda may ask although others are named")
	}
}

func TestWhatKEDACannotHave(t *testing.T) {
	for _, text := range []string{"{keda: {port: 7070}}", "{keda: {tls: {clients: true}}}", "{keda: {listen: ':6000'}}"} {
		if _, err := Render(Operator, Release{Name: "flyball", Namespace: "flyball-system"}, values(t, text)); err == nil || !strings.Contains(err.Error(), "keda") {
			t.Errorf("%s: %v, want that it is refused by name", text, err)
		}
	}
}
