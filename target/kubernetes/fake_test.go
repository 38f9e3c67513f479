package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// fakeCluster is a cluster in memory with one Deployment, whose pods are ready
// 5 s after they are asked for. It goes away, loses answers and is changed by
// others when it is told to: what a real one does too rarely for a test.
type fakeCluster struct {
	mu         sync.Mutex // guards what follows
	away       error
	loseAnswer bool
	scaleErr   error // of every order
	conflicts  int   // so many updates come too late
	workload   kubernetes.Workload
	version    int
	read       int // version that was read last
	pods       []kubernetes.Pod
	made       int
	fits       int                     // so many find a node
	shape      func(p *kubernetes.Pod) // what becomes of pods; nil: nothing
	extra      []kubernetes.Pod        // beside those of the count
	rivals     []kubernetes.Rival
	rivalsErr  error
	suspendErr error
	costs      map[string]int
	costErr    error
	samples    []scale.Sample
	updates    []int
	log        []string
	asked      int
	tell       func()
}

func newFakeCluster(replicas int) *fakeCluster {
	return &fakeCluster{fits: 99, costs: map[string]int{},
		workload: kubernetes.Workload{UID: "u1", Replicas: replicas, Selector: labels.SelectorFromSet(labels.Set{"app": "web"})}}
}

// set changes it, and tells whoever follows.
func (f *fakeCluster) set(change func()) {
	f.mu.Lock()
	change()
	tell := f.tell
	f.mu.Unlock()
	if tell != nil {
		tell()
	}
}

func (f *fakeCluster) Workload(_ context.Context, ref kubernetes.Ref) (kubernetes.Workload, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	f.read = f.version
	w := f.workload
	w.Ref = ref
	return w, f.away
}

func (f *fakeCluster) Scale(_ context.Context, w kubernetes.Workload, replicas int) (kubernetes.Workload, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(f.away, f.scaleErr); err != nil {
		return w, err
	}
	if f.conflicts > 0 {
		f.conflicts--
		f.version++
	}
	if f.read != f.version {
		return w, kubernetes.ErrConflict
	}
	f.version++
	f.workload.Replicas = replicas
	f.workload.CountedBy = kubernetes.FieldManager
	f.updates = append(f.updates, replicas)
	f.log = append(f.log, fmt.Sprintf("scale %d", replicas))
	if f.loseAnswer {
		f.loseAnswer = false
		return w, kubernetes.ErrUnreachable
	}
	w.Replicas = replicas
	return w, nil
}

// Pods lets the cluster do its part first.
func (f *fakeCluster) Pods(context.Context, kubernetes.Workload) ([]kubernetes.Pod, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for len(f.pods) < f.workload.Replicas {
		f.made++
		f.pods = append(f.pods, kubernetes.Pod{Namespace: "shop", Name: fmt.Sprintf("web-%03d", f.made), UID: fmt.Sprint(f.made), CreatedAt: now, Revision: "r1",
			Containers: []scale.Container{{Name: "web", Requests: map[string]int64{"cpu": 500}}}})
	}
	f.pods = f.pods[:f.workload.Replicas]
	all := slices.Concat(f.pods, f.extra)
	for i := range all {
		p := &all[i]
		p.DeletionCost = f.costs[p.Name]
		switch {
		case i >= f.fits:
			p.Unplaced = "0/3 nodes are available: 3 Insufficient cpu"
		default:
			p.Node, p.IP, p.Phase, p.StartedAt = "n1", fmt.Sprintf("10.0.0.%d", i+1), scale.Running, p.CreatedAt
			p.Readiness = scale.Readiness{Known: true, Since: p.CreatedAt}
			if now.Sub(p.CreatedAt) >= 5*time.Second {
				p.Readiness = scale.Readiness{Known: true, Ready: true, Since: p.CreatedAt.Add(5 * time.Second)}
			}
		}
		if f.shape != nil {
			f.shape(p)
		}
	}
	return all, f.away
}

func (f *fakeCluster) Rivals(context.Context, kubernetes.Ref) ([]kubernetes.Rival, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return nil, f.away
	}
	return slices.Clone(f.rivals), f.rivalsErr
}

func (f *fakeCluster) rival(r kubernetes.Rival) *kubernetes.Rival {
	for i := range f.rivals {
		if f.rivals[i].Name == r.Name {
			return &f.rivals[i]
		}
	}
	return &kubernetes.Rival{}
}

func (f *fakeCluster) Suspend(_ context.Context, r kubernetes.Rival, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.suspendErr != nil {
		return f.suspendErr
	}
	one := f.rival(r)
	one.Resting, one.SuspendedBy = true, by
	f.log = append(f.log, "suspend "+r.Name)
	return nil
}

func (f *fakeCluster) Resume(_ context.Context, r kubernetes.Rival) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.rival(r)
	one.Resting, one.SuspendedBy = false, ""
	f.log = append(f.log, "resume "+r.Name)
	return nil
}

func (f *fakeCluster) SetDeletionCost(_ context.Context, p kubernetes.Pod, cost int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.costErr != nil {
		return f.costErr
	}
	f.costs[p.Name] = cost
	f.log = append(f.log, fmt.Sprintf("cost %s %d", p.Name, cost))
	return nil
}

func (f *fakeCluster) Usage(context.Context, string, labels.Selector) ([]scale.Sample, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.samples), f.away
}

func (f *fakeCluster) Follow(ctx context.Context, _ kubernetes.Ref, tell func()) {
	f.set(func() { f.tell = tell })
	<-ctx.Done()
	f.set(func() { f.tell = nil })
}

// byHand is somebody else who sets the count.
func (f *fakeCluster) byHand(n int) {
	f.set(func() {
		f.workload.Replicas, f.workload.CountedBy = n, "kubectl"
		f.version++
	})
}

// orders are the counts that were set.
func (f *fakeCluster) orders() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.updates)
}

// done is everything that was done to it.
func (f *fakeCluster) done() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

func (f *fakeCluster) replicas() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.workload.Replicas
}

func (f *fakeCluster) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// story is a target of a cluster in memory, in virtual time.
type story struct {
	t       *testing.T
	cluster *fakeCluster
	target  *Target
	// leave ends the controller's work; replaced ends it because another goes on.
	leave, replaced func()
}

func config(change func(*Config)) Config {
	cfg := Default()
	cfg.Name, cfg.Namespace = "web", "shop"
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// tell runs a story.
func tell(t *testing.T, fake *fakeCluster, change func(*Config), play func(s *story)) {
	tellWith(t, fake, change, nil, play)
}

// tellWith runs one in which somebody knows how busy pods are.
func tellWith(t *testing.T, fake *fakeCluster, change func(*Config), traffic target.Traffic, play func(s *story)) {
	synctest.Test(t, func(t *testing.T) {
		tgt, err := New("web", config(change), Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), API: fake, Traffic: traffic})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		done := make(chan error, 1)
		go func() { done <- tgt.Run(ctx) }()
		end := sync.OnceFunc(func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		leave, replaced := func() { cancel(nil); end() }, func() { cancel(target.ErrReplaced); end() }
		play(&story{t, fake, tgt, leave, replaced})
		leave()
	})
}

func (s *story) set(n int) {
	s.t.Helper()
	if err := s.target.SetReplicas(s.t.Context(), n); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) keep(on bool) {
	s.t.Helper()
	if err := s.target.Keep(s.t.Context(), on); err != nil {
		s.t.Fatal(err)
	}
	s.after(time.Second)
}

func (s *story) status() target.Status {
	s.t.Helper()
	status, err := s.target.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

func (s *story) condition(kind string) scale.Condition {
	s.t.Helper()
	for _, c := range s.status().Conditions {
		if c.Type == kind {
			return c
		}
	}
	return scale.Condition{}
}

// after lets time pass.
func (s *story) after(d time.Duration) { time.Sleep(d) }
