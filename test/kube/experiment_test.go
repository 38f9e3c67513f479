//go:build linux

package kube

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/advisor/advisortest"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/clustertest"
)

// Where the files of the experiment are kept, and how long its phases are, for
// docs/experiment.md; the steps are those of the exact HPA. make test has fewer.
var (
	keep   = flag.String("keep", "", "folder that the experiment's files are copied to")
	lasts  = flag.Float64("phase", 1.5, "minutes of each phase of the experiment")
	atMost = flag.String("at-most", "4", "most replicas of the experiment")
	steps  = flag.Int("steps", len(usages), "changes of what pods use that the exact HPA and the live one are held against each other over")
)

// What is played beside the real HPA is mostly waiting for it, and so at the same
// time.
func TestBesideTheRealHPA(t *testing.T) {
	l := newLab(t, clustertest.HPA(5*time.Second, 30*time.Second))
	l.cluster.Metrics(t)
	l.cluster.FakeNodes(t, 2)
	flyball(t)
	for name, play := range map[string]func(l *lab){"one after the other": (*lab).oneAfterTheOther, "exact at every sync": (*lab).exactAtEverySync} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(&lab{t: t, cluster: l.cluster, namespace: l.cluster.Namespace(t), dir: t.TempDir()})
		})
	}
}

// oneAfterTheOther has the real HPA and a predicting scaler under the same load,
// and then both beside each other: who scaled is in the file, and what was there
// before is there after.
func (l *lab) oneAfterTheOther() {
	t := l.t
	t.Helper()
	l.deploy("webapp", clustertest.Workload, 1)
	l.measured("webapp")
	phase := func(mode, duration string, more ...string) {
		t.Helper()
		args := append([]string{"experiment", "--ai", "predictive", "-n", l.namespace, "--mode", mode, "--duration", duration, "--interval", "5", "--max-replicas", *atMost, "--output-dir", "data"}, more...)
		out, said := l.run(args...)
		t.Logf("%s\n%s%s", mode, said, out)
	}
	// 10 requests/s of 20 ms are 200 millicores: 3.3 pods at 60 % of 100.
	loaded := func(mode string) {
		end := l.meanwhile("load", "--deployment", "webapp", "-n", l.namespace, "--url", "/burn?cpu=20ms", "--rps", "10", "--duration", "10m", "--timeout", "5s")
		phase(mode, fmt.Sprint(*lasts))
		end()
	}
	loaded("hpa_only")
	l.noHPA()
	l.cluster.Kubectl(t, "scale", "--namespace", l.namespace, "deployment/webapp", "--replicas=1")
	loaded("ai_scaler")
	l.noHPA()
	phase("comparison", "0.3")

	enough := int(*lasts * 60 / 5 / 2) // half of the rows that there are
	hpa, ai := l.rows(experiment.HPAOnly), l.rows(experiment.AIScaler)
	for name, tc := range map[string]struct {
		rows []experiment.Row
		by   string
	}{"hpa_only": {hpa, experiment.ByHPA}, "ai_scaler": {ai, experiment.ByAI}} {
		most, by := 0, 0
		for _, r := range tc.rows {
			most = max(most, r.CurrentReplicas)
			if r.AppliedBy == tc.by {
				by++
			}
		}
		if most < 2 || by < len(tc.rows)/2 || len(tc.rows) < enough {
			t.Errorf("%s: at most %d replicas, %d of %d rows applied by %s", name, most, by, len(tc.rows), tc.by)
		}
	}
	near, known := 0, 0
	for _, r := range hpa {
		if r.HPASimDesired != nil && r.HPADesiredReplicas != nil {
			known++
			if d := *r.HPASimDesired - *r.HPADesiredReplicas; -1 <= d && d <= 1 {
				near++
			}
		}
	}
	if known < enough || near < known*3/4 {
		t.Errorf("the computed HPA is within one of the live one in %d of %d rows", near, known)
	}
	for _, r := range ai {
		if r.HPADesiredReplicas != nil {
			t.Errorf("there is a live HPA while the other scales: %+v", r)
			break
		}
	}
	if *keep != "" {
		if err := os.CopyFS(*keep, os.DirFS(filepath.Join(l.dir, "data"))); err != nil {
			t.Error(err)
		}
	}
	if out, _ := l.run("experiment", "report", "data"); !strings.Contains(out, "hpa_only") || !strings.Contains(out, "comparison") {
		t.Errorf("report: %s", out)
	}
}

// An HPA that was there rests while the other scales, and is what it was after,
// also when the phase is interrupted.
func TestAnHPAOfOnesOwnIsRestored(t *testing.T) {
	l := newLab(t, clustertest.HPA(5*time.Second, 30*time.Second))
	l.cluster.Metrics(t)
	l.deploy("webapp", clustertest.Workload, 1)
	l.measured("webapp")
	l.cluster.Kubectl(t, "autoscale", "--namespace", l.namespace, "deployment/webapp", "--min=1", "--max=7", "--cpu=70%")
	spec := func() string {
		return l.cluster.Kubectl(t, "get", "hpa", "--namespace", l.namespace, "webapp", "--output", "jsonpath={.spec}")
	}
	before := spec()
	for _, mode := range []string{"hpa_only", "ai_scaler"} {
		end := l.meanwhile("experiment", "--ai", "predictive", "-n", l.namespace, "--mode", mode, "--interval", "2", "--output-dir", "data")
		clustertest.Eventually(t, patience, func(context.Context) error {
			if now := spec(); now == before {
				return fmt.Errorf("%s: the HPA is still %s", mode, now)
			}
			return nil
		})
		said := end() // as Ctrl-C
		if after := spec(); after != before {
			t.Errorf("%s: the HPA is %s, was %s\n%s", mode, after, before, said)
		}
		if notes := l.cluster.Kubectl(t, "get", "hpa", "--namespace", l.namespace, "webapp", "--output", "jsonpath={.metadata.annotations}"); strings.Contains(notes, "flyball.io") {
			t.Errorf("%s: annotations stay: %s", mode, notes)
		}
	}
}

// measured waits until the cluster knows what the pods use.
func (l *lab) measured(app string) {
	l.t.Helper()
	clustertest.Eventually(l.t, patience, func(ctx context.Context) error {
		out, err := l.cluster.KubectlCommand(ctx, l.cluster.Kubeconfig, "top", "pods", "--namespace", l.namespace, "--selector", "app="+app, "--no-headers").CombinedOutput()
		if err != nil || len(strings.Fields(string(out))) < 3 {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

func (l *lab) noHPA() {
	l.t.Helper()
	all, err := l.cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(l.namespace).List(l.t.Context(), metav1.ListOptions{})
	if err != nil || len(all.Items) > 0 {
		l.t.Errorf("HPAs after the phase: %v, %v", all.Items, err)
	}
}

func (l *lab) rows(mode experiment.Mode) []experiment.Row {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "data", fmt.Sprintf("experiment_%s_*.csv", mode)))
	if err != nil || len(files) != 1 {
		l.t.Fatalf("%s: %v, %v", mode, files, err)
	}
	file, err := os.Open(files[0])
	if err != nil {
		l.t.Fatal(err)
	}
	defer file.Close()
	rows, err := experiment.Read(file)
	if err != nil {
		l.t.Fatal(err)
	}
	return rows
}

// A language model that is obeyed where CPU is all that is measured: one that asks for
// two pods more than the HPA would have gets some of them, as far as the envelope pays, and
// its words are in the file.
func TestALanguageModelIsObeyedByCPUAlone(t *testing.T) {
	t.Setenv("LLM_RPM", "1000")
	l := newLab(t, clustertest.HPA(5*time.Second, 30*time.Second))
	l.cluster.Metrics(t)
	l.deploy("webapp", clustertest.Workload, 1)
	l.measured("webapp")
	ollama := advisortest.NewServer(t, advisortest.Ollama, advisortest.Say(`{"reasoning":"more will come","replicas":6,"confidence":0.8}`))
	end := l.meanwhile("load", "--deployment", "webapp", "-n", l.namespace, "--url", "/burn?cpu=20ms", "--rps", "10", "--duration", "10m", "--timeout", "5s")
	out, said := l.run("experiment", "--ollama-url", ollama.URL(), "-n", l.namespace, "--mode", "ai_scaler", "--duration", "3", "--interval", "5", "--max-replicas", "6", "--output-dir", "data")
	t.Logf("%s%s", said, out)
	end()
	l.noHPA()
	rows := l.rows(experiment.AIScaler)
	spoken, obeyed, most := 0, 0, 0
	for _, r := range rows {
		if r.AIReasoning == "more will come" && r.AIRecommendedReplicas != nil && *r.AIRecommendedReplicas == 6 {
			spoken++
		}
		if r.AppliedBy == experiment.ByAI && r.HPASimDesired != nil && r.CurrentReplicas > *r.HPASimDesired {
			obeyed++
		}
		most = max(most, r.CurrentReplicas)
	}
	if len(rows) < 15 || spoken < len(rows)/2 {
		t.Errorf("the model speaks in %d of %d rows", spoken, len(rows))
	}
	// 200 millicores are 4 pods for the HPA; a fifth more of them pays for the fifth pod.
	if obeyed == 0 || most < 5 {
		t.Errorf("in %d rows there are more pods than the HPA wants, at most %d: nobody heard the model", obeyed, most)
	}
}
