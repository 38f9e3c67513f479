package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscaling "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// killedPhase is a cluster in which an HPA of somebody's rests on behalf of a
// phase that was killed.
type killedPhase struct {
	client *fake.Clientset
	by     string
}

const mostAtRest, mostBefore = int32(1 << 30), int32(7)

func newKilledPhase(by string) *killedPhase {
	return &killedPhase{fake.NewClientset(theirHPA()), by}
}

func theirHPA() *autoscaling.HorizontalPodAutoscaler {
	return &autoscaling.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "theirs", Namespace: "shop"},
		Spec: autoscaling.HorizontalPodAutoscalerSpec{MaxReplicas: mostAtRest, ScaleTargetRef: autoscaling.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}}}
}

func (k *killedPhase) Rivals(context.Context, kubernetes.Ref) ([]kubernetes.Rival, error) {
	return []kubernetes.Rival{{Kind: kubernetes.HPA, Namespace: "shop", Name: "theirs", Resting: true, SuspendedBy: k.by}}, nil
}

func (k *killedPhase) Resume(ctx context.Context, r kubernetes.Rival) error {
	hpa, err := k.client.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	if err == nil {
		hpa.Spec.MaxReplicas = mostBefore
		_, err = k.client.AutoscalingV2().HorizontalPodAutoscalers(r.Namespace).Update(ctx, hpa, metav1.UpdateOptions{})
	}
	return err
}

func (k *killedPhase) max(t *testing.T) int32 {
	t.Helper()
	hpa, err := k.client.AutoscalingV2().HorizontalPodAutoscalers("shop").Get(context.WithoutCancel(t.Context()), "theirs", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return hpa.Spec.MaxReplicas
}

func (k *killedPhase) phase(mode experiment.Mode) *phase {
	return &phase{f: &experimentFlags{says: io.Discard}, mode: mode, left: left{k, kubernetes.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}},
		live: &experiment.HPA{Client: k.client, Namespace: "shop", Deployment: "web", Min: 1, Max: 10, Targets: experiment.Targets{CPU: 60, Memory: 80}}}
}

// What a phase that was killed has left resting is what it was before it, at the
// latest at the end of the next phase; what rests for somebody else is theirs.
func TestAPhaseAfterOneThatWasKilled(t *testing.T) {
	for name, tc := range map[string]struct {
		mode          experiment.Mode
		by            string
		during, after int32
	}{
		"under the HPA":            {experiment.HPAOnly, experimentName, 10, mostBefore},
		"under nobody":             {experiment.Comparison, experimentName, mostBefore, mostBefore},
		"under the other again":    {experiment.AIScaler, experimentName, mostAtRest, mostAtRest}, // the target goes on, and hands back
		"resting for another name": {experiment.Comparison, "shop.web", mostAtRest, mostAtRest},
	} {
		k := newKilledPhase(tc.by)
		undo, err := k.phase(tc.mode).begin(t.Context())
		if err != nil {
			t.Fatal(name, err)
		}
		during := k.max(t)
		if err := undo(); err != nil {
			t.Error(name, err)
		}
		if diff := cmp.Diff([]int32{tc.during, tc.after}, []int32{during, k.max(t)}); diff != "" {
			t.Errorf("%s: most replicas of the HPA during the phase and after it (-want +got):\n%s", name, diff)
		}
	}
}

// An HPA that rests for a Flyball that scales is not changed: its bounds would be
// lost, and that one would take it back in the middle of the phase.
func TestAPhaseOverAnHPAThatRestsForAFlyball(t *testing.T) {
	for _, mode := range []experiment.Mode{experiment.HPAOnly, experiment.AIScaler} {
		k := newKilledPhase("shop.web")
		_, err := k.phase(mode).begin(t.Context())
		if want := "HorizontalPodAutoscaler shop/theirs rests for the document shop.web: end the Flyball that runs it"; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "flyball stop hpa/theirs -n shop hands it back") {
			t.Errorf("%s: got %v, want %s", mode, err, want)
		}
		for _, a := range k.client.Actions() {
			if a.GetVerb() != "list" && a.GetVerb() != "get" {
				t.Errorf("%s: %s %s", mode, a.GetVerb(), a.GetResource().Resource)
			}
		}
	}
}

// Ctrl-C while the HPA is being changed: the request was carried out, and nobody
// heard so.
func TestAPhaseThatIsInterruptedAsItBegins(t *testing.T) {
	k := newKilledPhase(experimentName)
	ctx, interrupt := context.WithCancel(t.Context())
	k.client.PrependReactor("update", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		hpa := a.(clienttesting.UpdateAction).GetObject().(*autoscaling.HorizontalPodAutoscaler)
		if hpa.Spec.MaxReplicas != 10 {
			return false, nil, nil
		}
		interrupt()
		_ = k.client.Tracker().Update(a.GetResource(), hpa, a.GetNamespace())
		return true, nil, context.Canceled
	})
	if _, err := k.phase(experiment.HPAOnly).begin(ctx); err == nil {
		t.Error("it began")
	}
	if got := k.max(t); got != mostBefore {
		t.Errorf("the HPA goes to %d at most, want %d, as before", got, mostBefore)
	}
}

// A phase that ends before anything was decided has no rows.
func TestAPhaseWithoutADecisionHasNoRows(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	decided, reports := make(chan record.Decided), make(chan control.Report)
	close(decided)
	close(reports)
	for range 50 { // what is ready is chosen at random
		file, err := experiment.Create(t.TempDir(), experiment.Comparison, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		p := &phase{f: &experimentFlags{says: io.Discard}, mode: experiment.Comparison, file: file}
		rows, err := p.watch(ctx, decided, reports, nil)
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil || len(rows) > 0 {
			t.Fatalf("got %v, %v", rows, err)
		}
	}
}

// Until there is data the live HPA goes on, and a row says so.
func TestRowsBeforeTheFirstDecisionWithData(t *testing.T) {
	live := theirHPA()
	live.Status = autoscaling.HorizontalPodAutoscalerStatus{CurrentReplicas: 3, DesiredReplicas: 4, Conditions: []autoscaling.HorizontalPodAutoscalerCondition{{Type: autoscaling.AbleToScale}}}
	file, err := experiment.Create(t.TempDir(), experiment.AIScaler, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := (&killedPhase{client: fake.NewClientset(live)}).phase(experiment.AIScaler)
	p.file = file
	decided := make(chan record.Decided, 4)
	for i, noData := range []bool{true, false, true} {
		decided <- record.Decided{Mode: scale.Apply, Decision: scale.Decision{At: time.Unix(int64(60*i), 0), CurrentReplicas: 3, DesiredReplicas: 3, NoData: noData}}
	}
	close(decided)
	rows, err := p.watch(t.Context(), decided, nil, nil)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	var by []string
	for _, r := range rows {
		by = append(by, r.AppliedBy)
	}
	if want := []string{experiment.ByHPA, experiment.ByAI, experiment.ByAI}; !slices.Equal(by, want) {
		t.Errorf("applied by %v, want %v", by, want)
	}
}

func TestRestoreSaysWhatItDoes(t *testing.T) {
	k := newKilledPhase(experimentName)
	says, err := left{k, kubernetes.Ref{}}.handBack(t.Context())
	if err != nil || !strings.Contains(says, "HorizontalPodAutoscaler shop/theirs rested for an earlier phase and is handed back") {
		t.Errorf("got %q, %v", says, err)
	}
}

// A policy that was learned takes part as predictive does, behind its envelope, once
// it is told the rate that it decides on.
func TestALearnedPolicyTakesPartInAnExperiment(t *testing.T) {
	kubeconfig := writeFile(t, "kubeconfig", `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, namespace: shop}}]
current-context: c
`)
	f := experimentFlags{mode: string(experiment.AIScaler), ai: "learned", interval: 30 * time.Second, min: 1, max: 10, targets: experiment.Targets{CPU: 60, Memory: 80}, prometheus: usualPrometheus, rate: "sum(rate(requests[1m]))"}
	f.place.deployment, f.place.access.Kubeconfig = "web", kubeconfig
	p, err := f.phase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(p.state)
	if policy := p.spec.Policy; policy.Kind != "learned" || policy.Envelope == nil || policy.Envelope.Expert.Kind != "predictive" {
		t.Errorf("got the policy %s with the envelope %+v, want learned behind one of predictive", policy.Kind, policy.Envelope)
	}
	f.rate = ""
	if _, err := f.phase(t.Context()); err == nil || !strings.Contains(err.Error(), "learned: needs objective.latency") {
		t.Errorf("without a rate: got %v, want that it needs an objective", err)
	}
}
