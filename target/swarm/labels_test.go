package swarm_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/target/swarm"
)

func labelled(labels map[string]string) []docker.Service {
	return []docker.Service{{Name: "shop_web", Labels: labels}}
}

func TestLabelsAreADocument(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		labels map[string]string
		want   string // the spec
	}{
		{"limits and port", map[string]string{"flyball.min": "2", "flyball.max": "10", "flyball.port": "8080"},
			`{"replicas": {"min": 2, "max": 10}, "target": {"swarm": {"service": "shop_web", "port": 8080}}}`},
		{"an objective", map[string]string{"flyball.objective.latency": "250ms", "flyball.objective.target": "99%"},
			`{"objective": {"latency": {"threshold": "250ms", "target": "99%"}}, "target": {"swarm": {"service": "shop_web"}}}`},
		{"thresholds, with and without a unit", map[string]string{"flyball.cpu.up": "70%", "flyball.cpu.down": "30"},
			`{"signals": [{"name": "cpuUtilization", "docker": {"from": "engine"}}], "policy": {"threshold": {"cpuUtilization": {"up": 70, "down": 30}}}, "target": {"swarm": {"service": "shop_web"}}}`},
		{"thresholds of a policy that is named", map[string]string{"flyball.cpu.up": "80", "flyball.cpu.from": "agents", "flyball.policy": "threshold: {profile: aggressive}"},
			`{"signals": [{"name": "cpuUtilization", "docker": {"from": "agents"}}], "policy": {"threshold": {"profile": "aggressive", "cpuUtilization": {"up": 80}}}, "target": {"swarm": {"service": "shop_web"}}}`},
		{"one cooldown, and another one down", map[string]string{"flyball.cooldown": "30s", "flyball.cooldown.down": "2m"},
			`{"cooldown": {"scaleUp": "30s", "scaleDown": "2m"}, "target": {"swarm": {"service": "shop_web"}}}`},
		{"plug-ins by name and in full", map[string]string{"flyball.policy": "predictive", "flyball.balancer": "nginx: {listen: ':80'}"},
			`{"policy": {"predictive": {}}, "balancer": {"nginx": {"listen": ":80"}}, "target": {"swarm": {"service": "shop_web"}}}`},
		{"what is no number is left for the document to refuse", map[string]string{"flyball.max": "many"},
			`{"replicas": {"max": "many"}, "target": {"swarm": {"service": "shop_web"}}}`},
		{"a dollar sign is no variable", map[string]string{"flyball.network": "a$b"},
			`{"target": {"swarm": {"service": "shop_web", "network": "a$$b"}}}`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			tc.labels["flyball.enable"] = "true"
			read := swarm.ReadLabels(labelled(tc.labels), "")
			if len(read) != 1 || len(read[0].Faults) > 0 {
				t.Fatalf("got %+v", read)
			}
			var got struct {
				Metadata struct{ Name string }
				Spec     any
			}
			if err := json.Unmarshal(read[0].JSON, &got); err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if spec := want.(map[string]any); spec["replicas"] == nil {
				spec["replicas"] = map[string]any{}
			}
			if diff := cmp.Diff(want, got.Spec); diff != "" || got.Metadata.Name != "shop-web" {
				t.Errorf("name %q, spec (-want +got):\n%s", got.Metadata.Name, diff)
			}
		})
	}
}

func TestWrongLabelsAreNamed(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		labels map[string]string
		want   string
	}{
		{"a label there is none of", map[string]string{"flyball.enable": "true", "flyball.mx": "3"}, "service shop_web: flyball.mx: unknown label; known: flyball.address, "},
		{"neither true nor false", map[string]string{"flyball.enable": "yes"}, `service shop_web: flyball.enable: must be true or false, got "yes"`},
		{"a policy that is a list", map[string]string{"flyball.enable": "true", "flyball.policy": "[hpa]"}, `service shop_web: flyball.policy: must be a name, or a name with what stands in it, got "[hpa]"`},
		{"thresholds beside another policy", map[string]string{"flyball.enable": "true", "flyball.policy": "hpa", "flyball.cpu.up": "70"},
			"service shop_web: flyball.policy: must be threshold or left out beside flyball.cpu.up and flyball.cpu.down, got hpa"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			read := swarm.ReadLabels(labelled(tc.labels), "")
			if len(read) != 1 || len(read[0].Faults) != 1 || !strings.HasPrefix(read[0].Faults[0].Error(), tc.want) {
				t.Errorf("got %+v, want %q", read, tc.want)
			}
		})
	}
}

func TestServicesThatAreNotToBeScaledAreLeftAlone(t *testing.T) {
	for _, labels := range []map[string]string{nil, {"flyball.max": "3"}, {"flyball.enable": "false", "flyball.wrong": "x"}} {
		if read := swarm.ReadLabels(labelled(labels), ""); len(read) != 0 {
			t.Errorf("%v: got %+v", labels, read)
		}
	}
}

func TestFieldsAreFoundByTheirLabels(t *testing.T) {
	for path, want := range map[string][2]string{
		"spec.replicas.max":                          {"flyball.max", ""},
		"spec.policy.threshold.cpuUtilization.up":    {"flyball.cpu.up", ""},
		"spec.policy.hpa.metrics[0].signal":          {"flyball.policy", "hpa.metrics[0].signal"},
		"spec.objective.latency.threshold":           {"flyball.objective.latency", ""},
		"spec.target.swarm.service":                  {"", ""},
		"spec.policyx":                               {"", ""},
		"spec.cooldown.scaleDown":                    {"flyball.cooldown.down", ""},
		"spec.policy.threshold.cpuUtilization.upper": {"flyball.policy", "threshold.cpuUtilization.upper"},
	} {
		if label, below := swarm.LabelAt(path); label != want[0] || below != want[1] {
			t.Errorf("%s: got %q %q, want %q", path, label, below, want)
		}
	}
}

// The table of the documentation is that of the code.
func TestEveryLabelIsDocumented(t *testing.T) {
	raw, err := os.ReadFile("../../docs/swarm.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range swarm.Labels() {
		if row := "| `" + l.Name + "` | " + l.Help + " |"; !strings.Contains(string(raw), row) {
			t.Errorf("docs/swarm.md lacks the row %s", row)
		}
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("70%", "hpa: {metrics: [{signal: x}]}", "3")
	f.Add("", "threshold", "$")
	f.Add("1e999", "{a: {b: {1: 2}}}", "\"3\"")
	f.Add("%", "&a [*a]", "null")
	f.Fuzz(func(t *testing.T, cpu, policy, most string) {
		read := swarm.ReadLabels(labelled(map[string]string{"flyball.enable": "true", "flyball.cpu.up": cpu, "flyball.policy": policy, "flyball.max": most}), "")
		if len(read) != 1 {
			t.Fatalf("got %+v", read)
		}
		if len(read[0].Faults) == 0 && !json.Valid(read[0].JSON) {
			t.Errorf("no fault, and no document: %s", read[0].JSON)
		}
		if strings.Contains(string(read[0].JSON), "\n") {
			t.Errorf("more than a line: %q", read[0].JSON)
		}
	})
}
