package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

// siteOf is the object of a document, in a cluster that nobody asks.
func siteOf(t *testing.T, policy, signals string) *site {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("{apiVersion: v1, kind: Config, current-context: t, clusters: [{name: c, cluster: {server: 'https://cluster.test'}}], contexts: [{name: t, context: {cluster: c, namespace: shop}}]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
	text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web}\nspec:\n  target: {kubernetes: {name: web, takeOver: true}}\n  replicas: {max: 3}\n  policy: " + policy + "\n" + signals
	plugins := builtin.New()
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: env, Stdin: strings.NewReader(text)}.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	specs, err := app.NewSpecs(docs, plugins)
	if err != nil {
		t.Fatal(err)
	}
	cfg := deployed(&specs[0])
	_, ref, err := cfg.Place()
	if err != nil {
		t.Fatal(err)
	}
	return &site{spec: &specs[0], cfg: cfg, ref: ref}
}

const byCPU = "{hpa: {metrics: [{signal: cpuUtilization, averageUtilization: 60}]}}"

// What a policy decides on a share of must be requested by every container.
func TestContainersThatRequestNothingAreNamed(t *testing.T) {
	pod := func(containers ...scale.Container) kubernetes.Pod { return kubernetes.Pod{Containers: containers} }
	asks := func(name string, cpu int64) scale.Container {
		return scale.Container{Name: name, Requests: map[string]int64{"cpu": cpu}}
	}
	const rate = "  signals: [{name: rate, prometheus: {server: 'http://p:9090', query: up}}]\n"
	for name, tc := range map[string]struct {
		site *site
		pods []kubernetes.Pod
		want string // of status and message
	}{
		"all do":               {siteOf(t, byCPU, ""), []kubernetes.Pod{pod(asks("app", 100), asks("proxy", 10))}, "ok all containers request cpu"},
		"some do not":          {siteOf(t, byCPU, ""), []kubernetes.Pod{pod(asks("app", 100), asks("proxy", 0), scale.Container{Name: "log"})}, "fail cpuUtilization is a share of what is requested, and these containers request no cpu: log, proxy"},
		"nobody is there":      {siteOf(t, byCPU, ""), nil, "note there is no pod, so it is not seen what they request"},
		"another signal":       {siteOf(t, "{hpa: {metrics: [{signal: rate, averageValue: 3}]}}", rate), []kubernetes.Pod{pod(asks("app", 0))}, ""},
		"measured by a source": {siteOf(t, byCPU, strings.Replace(rate, "name: rate", "name: cpuUtilization", 1)), []kubernetes.Pod{pod(asks("app", 0))}, ""},
	} {
		var p patient
		p.requested(tc.site, tc.pods)
		got := ""
		for _, r := range p.results {
			got += string(r.Status) + " " + r.Message
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

// Each right that is lacking is a line with the rule that gives it; who takes
// over needs more of them, and of KEDA's objects only where there are some.
func TestRightsThatAreLackingAreALineEach(t *testing.T) {
	s := siteOf(t, byCPU, "")
	var p patient
	p.lacking(s, "ann", nil, []kubernetes.Right{{Verb: "update", Group: "apps", Resource: "deployments", Subresource: "scale"}, {Verb: "list", Resource: "pods"}})
	if len(p.results) != 2 || p.results[0].Message != "ann may not update deployments/scale of apps in namespace shop" || p.results[1].Fix != `give it a Role with {apiGroups: [""], resources: [pods], verbs: [list]}` {
		t.Errorf("got %+v", p.results)
	}
	named := func(keda bool) string {
		var all []string
		for _, r := range s.cfg.Rights(schema.GroupResource{Group: "apps", Resource: "deployments"}, keda) {
			all = append(all, r.String())
		}
		return strings.Join(all, ", ")
	}
	for right, keda := range map[string]bool{"update horizontalpodautoscalers of autoscaling": false, "get deployments/scale of apps": false, "watch pods": false, "update scaledobjects of keda.sh": true} {
		if !strings.Contains(named(true), right) || strings.Contains(named(false), right) == keda {
			t.Errorf("%s: with KEDA %s; without %s", right, named(true), named(false))
		}
	}
	if strings.Contains(named(true), "patch") {
		t.Error("the cost of deletion is not asked for, and its right is")
	}
}
