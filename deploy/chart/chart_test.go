package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/flyball-io/flyball/deploy/prometheus"
)

// object is what a manifest makes, as far as tests look.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name, Namespace     string
		Annotations, Labels map[string]string
	}
	Spec  map[string]any
	Rules []rule
}

type rule struct {
	APIGroups     []string `yaml:"apiGroups"`
	Resources     []string
	ResourceNames []string `yaml:"resourceNames"`
	Verbs         []string
}

func objects(t *testing.T, chart string, over ...Values) []object {
	t.Helper()
	return objectsOf(t, Release{Name: "flyball", Namespace: "flyball-system"}, chart, over...)
}

func objectsOf(t *testing.T, r Release, chart string, over ...Values) []object {
	t.Helper()
	text, err := Render(chart, r, over...)
	if err != nil {
		t.Fatal(err)
	}
	var all []object
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if o.Kind != "" {
			all = append(all, o)
		}
	}
}

func kinds(all []object) string {
	var names []string
	for _, o := range all {
		names = append(names, o.Kind)
	}
	return strings.Join(names, " ")
}

func values(t *testing.T, text string) Values {
	t.Helper()
	v, err := ParseValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The operator refuses a file of tokens that everyone may read, which is how a
// Secret is mounted by itself; its group may.
func TestTokensAreForTheOperatorAlone(t *testing.T) {
	out, err := Render(Operator, Release{Name: "flyball", Namespace: "flyball-system"}, values(t, "{crds: {install: false}, dashboard: {tokenSecret: them}}"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("secret: {secretName: them, defaultMode: %d}", 0o440); !strings.Contains(string(out), want) || !strings.Contains(string(out), "fsGroup: 65532") {
		t.Errorf("lacks %q, or its group:\n%s", want, out)
	}
}

func TestWhatIsInstalled(t *testing.T) {
	for _, tc := range []struct{ rule, chart, values, want string }{
		{"by default", Operator, "", "CustomResourceDefinition CustomResourceDefinition ServiceAccount ClusterRole ClusterRoleBinding Role RoleBinding ClusterRole ClusterRoleBinding Service Deployment NetworkPolicy PodDisruptionBudget ValidatingWebhookConfiguration"},
		{"for two namespaces", Operator, "{namespaces: [a, b], webhook: {enabled: false}, crds: {install: false}, replicas: 1}", "ServiceAccount Role RoleBinding Role RoleBinding Role RoleBinding Service Deployment NetworkPolicy"},
		{"with the operator of Prometheus", Operator, "{serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, crds: {install: false}, webhook: {enabled: false}, networkPolicy: {enabled: false}, podDisruptionBudget: {enabled: false}}", "ServiceAccount ClusterRole ClusterRoleBinding Role RoleBinding Service Deployment PrometheusRule ServiceMonitor"},
		{"an app", App, "", "Service Deployment Autoscaler"},
		{"an app whose policy is served", App, "{policy: {enabled: true}}", "Service Deployment Autoscaler Service Deployment NetworkPolicy"},
		{"an app behind ingress-nginx", App, "{ingress: {controller: nginx}, networkPolicy: {enabled: true}, podDisruptionBudget: {enabled: true}}", "Service Deployment Autoscaler Ingress NetworkPolicy PodDisruptionBudget"},
		{"an app behind Traefik with TLS", App, "{ingress: {controller: traefik, issuer: letsencrypt}}", "Service Deployment Autoscaler Middleware Middleware Middleware IngressRoute Certificate"},
	} {
		if got := kinds(objects(t, tc.chart, values(t, tc.values))); got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.rule, got, tc.want)
		}
	}
}

// The chart has a copy of the alerts, for Helm reads no file beside it.
func TestAlertsAreThoseOfTheStacks(t *testing.T) {
	copied, err := os.ReadFile("operator/files/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(copied) != string(prometheus.Alerts()) {
		t.Error("operator/files/alerts.yaml is not deploy/prometheus/alerts.yaml: run go generate ./deploy/prometheus")
	}
	var want map[string]any
	if err := yaml.Unmarshal(copied, &want); err != nil {
		t.Fatal(err)
	}
	all := objects(t, Operator, values(t, "{prometheusRule: {enabled: true, labels: {release: prometheus}}}"))
	i := slices.IndexFunc(all, func(o object) bool { return o.Kind == "PrometheusRule" })
	if i < 0 || all[i].Metadata.Labels["release"] != "prometheus" {
		t.Fatalf("no PrometheusRule with the label: %s", kinds(all))
	}
	if diff := cmp.Diff(want, all[i].Spec); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// With a definition all objects of its kind would go, of all users.
func TestDefinitionsOutliveARelease(t *testing.T) {
	var kept []string
	for _, o := range objects(t, Operator) {
		if o.Metadata.Annotations["helm.sh/resource-policy"] == "keep" {
			kept = append(kept, o.Metadata.Name)
		}
	}
	if want := []string{"autoscalers.flyball.io", "autoscalermemories.flyball.io"}; !slices.Equal(kept, want) {
		t.Errorf("Helm keeps %q, want %q and nothing else", kept, want)
	}
}

// Helm ends the operator before it takes anything away, by a Job that may delete
// its Deployment and nothing else, and that is none of its pods. Who installs
// without Helm has none of that.
func TestHelmEndsTheOperatorFirst(t *testing.T) {
	r := Release{Name: "flyball", Namespace: "flyball-system"}
	without := kinds(objectsOf(t, r, Operator))
	r.Helm = true
	var hooks, others []object
	for _, o := range objectsOf(t, r, Operator) {
		switch o.Metadata.Annotations["helm.sh/hook"] {
		case "":
			others = append(others, o)
		case "pre-delete":
			hooks = append(hooks, o)
		}
	}
	if got := kinds(others); got != without {
		t.Errorf("beside the hooks Helm installs %s, want %s", got, without)
	}
	if got := kinds(hooks); got != "ServiceAccount Role RoleBinding Job" {
		t.Fatalf("hooks: %s", got)
	}
	for _, o := range hooks {
		weight := map[bool]string{true: "0", false: "-1"}[o.Kind == "Job"]
		if a := o.Metadata.Annotations; a["helm.sh/hook-weight"] != weight || a["helm.sh/hook-delete-policy"] != "before-hook-creation,hook-succeeded" {
			t.Errorf("%s: %v", o.Kind, a)
		}
	}
	if want := []rule{{[]string{"apps"}, []string{"deployments"}, []string{"flyball"}, []string{"get", "delete"}}}; !reflect.DeepEqual(hooks[1].Rules, want) {
		t.Errorf("it may %v, want %v", hooks[1].Rules, want)
	}
	template := hooks[3].Spec["template"].(map[string]any)
	pod := template["spec"].(map[string]any)
	if text := fmt.Sprint(pod["containers"]); pod["serviceAccountName"] != "flyball-end" || !strings.Contains(text, "args:[operator end --namespace=flyball-system --deployment=flyball]") || !strings.Contains(text, "image:flyball:latest") {
		t.Errorf("%v: %s", pod["serviceAccountName"], text)
	}
	if labels := template["metadata"].(map[string]any)["labels"].(map[string]any); labels["app.kubernetes.io/name"] == "flyball" {
		t.Errorf("the Service and the budget of the operator's pods count it: %v", labels)
	}
}

// Nothing may be written but what each right is for.
func TestRightsAreTheFewest(t *testing.T) {
	writes := func(over Values) []string {
		var all []string
		for _, o := range objects(t, Operator, over) {
			for _, r := range o.Rules {
				verbs := slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return v == "get" || v == "list" || v == "watch" })
				for _, resource := range r.Resources {
					if len(verbs) > 0 {
						all = append(all, fmt.Sprintf("%s %s", resource, strings.Join(append(verbs, r.ResourceNames...), ",")))
					}
				}
				if slices.Contains(r.Verbs, "*") || slices.Contains(r.APIGroups, "*") {
					t.Errorf("%s %s: %+v may do everything", o.Kind, o.Metadata.Name, r)
				}
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	want := []string{
		"autoscalermemories create,patch", "autoscalers/status patch", "deployments/scale update", "events create,patch", "leases create,update",
		"replicasets/scale update", "replicationcontrollers/scale update", "secrets create", "secrets update,flyball-webhook", "statefulsets/scale update",
		"validatingwebhookconfigurations patch,flyball",
	}
	if got := writes(nil); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	more := writes(values(t, "{rbac: {takeOver: true, podDeletionCost: true, scaleTargets: [{group: argoproj.io, resources: [rollouts]}]}}"))
	for _, one := range []string{"horizontalpodautoscalers update", "scaledobjects update", "pods patch", "rollouts/scale update"} {
		if !slices.Contains(more, one) || slices.Contains(want, one) {
			t.Errorf("%s: must be given when asked for: %q", one, more)
		}
	}
}

// A model comes from a ConfigMap, which the container alone reads.
func TestThePolicyOfAnAppServesAModel(t *testing.T) {
	for _, o := range objects(t, App, values(t, "{policy: {enabled: true, model: {configMap: web-model, key: web.flyball}}}")) {
		text := fmt.Sprint(o.Spec)
		if o.Kind != "Deployment" || o.Metadata.Name != "flyball-policy" {
			if strings.Contains(text, "web-model") {
				t.Errorf("%s %s reads the model: %s", o.Kind, o.Metadata.Name, text)
			}
			continue
		}
		for _, want := range []string{"[serve-policy /model/web.flyball --without-token --listen=:7080]",
			"volumeMounts:[map[mountPath:/model name:model readOnly:true]]", "volumes:[map[configMap:map[name:web-model] name:model]]"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: want %s", text, want)
			}
		}
	}
	_, err := Render(App, Release{Name: "f", Namespace: "n"}, values(t, "{policy: {model: {key: a/b}}}"))
	if err == nil || !strings.Contains(err.Error(), "policy.model.key") {
		t.Errorf("a key that is a path: %v", err)
	}
}

// The restricted level of Pod Security is kept by every pod.
func TestPodsAreRestricted(t *testing.T) {
	for chart, over := range map[string]string{Operator: "", App: "{policy: {enabled: true, model: {configMap: web-model}}}"} {
		for _, o := range objectsOf(t, Release{Name: "flyball", Namespace: "flyball-system", Helm: true}, chart, values(t, over)) {
			if o.Kind != "Deployment" && o.Kind != "Job" {
				continue
			}
			pod := o.Spec["template"].(map[string]any)["spec"].(map[string]any)
			own := pod["securityContext"].(map[string]any)
			if own["runAsNonRoot"] != true || own["seccompProfile"].(map[string]any)["type"] != "RuntimeDefault" {
				t.Errorf("%s: %v", chart, own)
			}
			for _, c := range pod["containers"].([]any) {
				s := c.(map[string]any)["securityContext"].(map[string]any)
				if s["allowPrivilegeEscalation"] != false || s["readOnlyRootFilesystem"] != true || fmt.Sprint(s["capabilities"]) != "map[drop:[ALL]]" {
					t.Errorf("%s: %v", chart, s)
				}
			}
		}
	}
}

// Of an image that is somebody's own nothing is known: whom it asks, as whom it
// runs, where it writes. What it cannot need is taken from it all the same.
func TestAnImageOfOnesOwnIsLetBe(t *testing.T) {
	for _, o := range objects(t, App, values(t, "{hardened: false, networkPolicy: {enabled: true}}")) {
		text := fmt.Sprint(o.Spec)
		switch o.Kind {
		case "Deployment":
			for _, forced := range []string{"runAsUser", "runAsNonRoot", "readOnlyRootFilesystem", "capabilities"} {
				if strings.Contains(text, forced) {
					t.Errorf("%s is set: %s", forced, text)
				}
			}
			for _, kept := range []string{"allowPrivilegeEscalation:false", "type:RuntimeDefault", "automountServiceAccountToken:false"} {
				if !strings.Contains(text, kept) {
					t.Errorf("want %s: %s", kept, text)
				}
			}
		case "NetworkPolicy":
			if !strings.Contains(text, "policyTypes:[Ingress]") || strings.Contains(text, "egress") {
				t.Errorf("the app may not ask its database: %s", text)
			}
		}
	}
	for _, o := range objects(t, App, values(t, "{networkPolicy: {enabled: true}}")) {
		if text := fmt.Sprint(o.Spec); o.Kind == "NetworkPolicy" && !strings.Contains(text, "egress:[]") {
			t.Errorf("the sample app asks nobody: %s", text)
		}
	}
}

// Images are named by tags and digests, and a label takes less: the server refuses
// every object with one that is wrong.
func TestLabelsAreRightWhateverTheImageIsCalled(t *testing.T) {
	digest := strings.Repeat("0123456789abcdef", 4)
	for tag, want := range map[string]string{"1.4": "1.4", "v2_rc-1": "v2_rc-1", "1.4@sha256:" + digest: "", digest: "", "_": "", "nightly-": "", strings.Repeat("x", 63): strings.Repeat("x", 63)} {
		for _, o := range objects(t, Operator, Values{"image": Values{"repository": "flyball", "tag": tag}}) {
			if o.Kind == "CustomResourceDefinition" {
				continue
			}
			if got := o.Metadata.Labels["app.kubernetes.io/version"]; got != want {
				t.Errorf("%s: %s has version %q, want %q", tag, o.Kind, got, want)
			}
			for name, value := range o.Metadata.Labels {
				if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
					t.Errorf("%s: %s: %s: %q: %v", tag, o.Kind, name, value, faults)
				}
			}
		}
	}
}

func TestEveryEnvironmentAndProviderRenders(t *testing.T) {
	for _, tc := range []struct{ chart, name string }{{App, "local"}, {App, "staging"}, {App, "production"}, {Operator, "eks"}, {Operator, "gke"}} {
		preset, err := Preset(tc.chart, tc.name)
		if err != nil || len(preset) == 0 {
			t.Fatalf("%s: %v, %v", tc.name, preset, err)
		}
		if all := objects(t, tc.chart, preset); len(all) < 3 {
			t.Errorf("%s: only %s", tc.name, kinds(all))
		}
	}
	if none, err := Preset(Operator, "moon"); err != nil || len(none) > 0 {
		t.Errorf("got %v, %v", none, err)
	}
}

func TestWrongValuesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{replica: 2}":                         "additional properties 'replica' not allowed",
		"{replicas: two}":                      "replicas: got string, want integer",
		"{log: {level: loud}}":                 "log.level: value must be one of",
		"{image: {repository: ''}}":            "image.repository: minLength: got 0, want 1",
		"{rbac: {scaleTargets: [{group: x}]}}": "rbac.scaleTargets.0: missing property 'resources'",
	} {
		_, err := Render(Operator, Release{Name: "f", Namespace: "n"}, values(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// The Autoscaler asks the Service of the policy, whose pods have no right, ask
// nobody, and are asked from the operator's namespace alone.
func TestThePolicyOfAnApp(t *testing.T) {
	all := objects(t, App, values(t, "{policy: {enabled: true, operatorNamespace: scalers, args: [\"hpa:cpuUtilization=60\"]}}"))
	for _, o := range all {
		text := fmt.Sprint(o.Spec)
		switch name := o.Kind + " " + o.Metadata.Name; name {
		case "Autoscaler flyball":
			if !strings.Contains(text, "url:http://flyball-policy.flyball-system:7080/v1/recommend") || !strings.Contains(text, "fallback:map[predictive:map[]]") {
				t.Errorf("%s: %s", name, text)
			}
		case "Deployment flyball-policy":
			if !strings.Contains(text, "[serve-policy hpa:cpuUtilization=60 --without-token --listen=:7080]") || !strings.Contains(text, "automountServiceAccountToken:false") {
				t.Errorf("%s: %s", name, text)
			}
		case "NetworkPolicy flyball-policy":
			if !strings.Contains(text, "kubernetes.io/metadata.name:scalers") || !strings.Contains(text, "egress:[]") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}
