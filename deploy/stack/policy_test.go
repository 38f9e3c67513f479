package stack

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy/remote"
)

// withPolicy are the options of a stack whose policy is served.
func withPolicy(orchestrator string) Options {
	o := Default(orchestrator, Environments()[0])
	o.ServePolicy = true
	return o
}

// It speaks to nobody and keeps nothing; the planner alone may ask it.
func TestTheContainerOfAPolicyHasNothingButItsTokens(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		o := withPolicy(orchestrator)
		all := servicesOf(t, parsed(t, o))
		s := all[policyService]
		if networks := s["networks"].([]any); len(networks) != 1 || networks[0] != controlNetwork {
			t.Errorf("%s: it is in %v, want the control network alone", orchestrator, networks)
		}
		for _, v := range s["volumes"].([]any) {
			if mount, _ := v.(map[string]any); mount["type"] != "tmpfs" {
				t.Errorf("%s: it mounts %v, want memory alone", orchestrator, v)
			}
		}
		if s["read_only"] != true || !has(s["cap_drop"], "ALL") || s["user"] != "65532:65532" || s["ports"] != nil {
			t.Errorf("%s: it may do more than answer: %v", orchestrator, s)
		}
		if text := asText(t, s); strings.Contains(text, "REDIS") || strings.Contains(text, "redis") {
			t.Errorf("%s: it knows the bus: %s", orchestrator, text)
		}
		for name, s := range all {
			knows := strings.Contains(asText(t, s), "POLICY_TOKEN") || strings.Contains(asText(t, s), "policy-token")
			if knows != slices.Contains([]string{policyService, "planner"}, name) {
				t.Errorf("%s: %s knows the token: %v", orchestrator, name, knows)
			}
		}
		if _, there := servicesOf(t, parsed(t, Default(orchestrator, Environments()[0])))[policyService]; there {
			t.Errorf("%s: it is there although nobody asked for it", orchestrator)
		}
	}
}

// A model is a file of the stack, which the container reads and nobody else.
func TestTheContainerOfAPolicyHasItsModel(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		o := withPolicy(orchestrator)
		o.PolicyModel = []byte("FLYBALL\n\x00\xff")
		files := rendered(t, o)
		i := slices.IndexFunc(files, func(f File) bool { return f.Path == "policy/model.flyball" })
		if i < 0 || !bytes.Equal(files[i].Data, o.PolicyModel) || files[i].Secret {
			t.Fatalf("%s: the model is no file of the stack", orchestrator)
		}
		for name, s := range servicesOf(t, parsed(t, o)) {
			if sees := strings.Contains(asText(t, s), "model"); sees != (name == policyService) {
				t.Errorf("%s: %s sees the model: %v", orchestrator, name, sees)
			}
			if name == policyService && !has(s["command"], policyModel) {
				t.Errorf("%s: it serves %v, want the model", orchestrator, s["command"])
			}
		}
	}
}

func TestAModelThatNobodyWouldServe(t *testing.T) {
	o := withPolicy(Swarm)
	o.PolicyModel = make([]byte, mostConfig+1)
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "--policy-model: has 512001 bytes, a swarm takes at most 512000") {
		t.Errorf("too long for a swarm: %v", err)
	}
	o.Orchestrator, o.ServePolicy = Compose, false
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "--policy-model: goes with --serve-policy") {
		t.Errorf("without --serve-policy: %v", err)
	}
}

// The document asks the container at its address, with the token that it takes.
func TestTheDocumentAsksTheContainer(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		o := withPolicy(orchestrator)
		token := known(o).policyToken()
		env := func(name string) (string, bool) { return token, name == "POLICY_TOKEN" }
		files := rendered(t, o)
		i := slices.IndexFunc(files, func(f File) bool { return f.Path == "flyball/service.yaml" })
		plugins := builtin.New()
		docs, err := v1alpha1.Loader{Plugins: plugins, Env: env, Stdin: strings.NewReader(string(files[i].Data))}.Load([]string{"-"})
		if err != nil {
			t.Fatal(err)
		}
		specs, err := app.NewSpecs(docs, plugins)
		if err != nil {
			t.Fatal(err)
		}
		cfg := specs[0].Policy.Config.(*remote.Config)
		if want := fmt.Sprintf("http://%s:%d/v1/recommend", policyService, policyPort); cfg.URL != want {
			t.Errorf("%s: it asks %s, want %s", orchestrator, cfg.URL, want)
		}
		if swarm := orchestrator == Swarm; swarm && cfg.BearerTokenFile != "/run/secrets/policy.token" || !swarm && cfg.Headers["Authorization"].Reveal() != "Bearer "+token {
			t.Errorf("%s: it does not show the token: %+v", orchestrator, cfg)
		}
		given := false
		for _, f := range files {
			given = given || strings.Contains(string(f.Data), token) && f.Secret && (strings.Contains(string(f.Data), "POLICY_TOKEN="+token+"\n") || strings.Contains(string(f.Data), "planner: "+token+"\n"))
			if strings.Contains(string(f.Data), token) && !f.Secret {
				t.Errorf("%s: %s is no secret and holds the token", orchestrator, f.Path)
			}
		}
		if !given {
			t.Errorf("%s: the container is not given the token", orchestrator)
		}
	}
}
