// Package keda is an external scaler for KEDA: it hands over the number of
// replicas that Flyball has decided, so that users who keep KEDA, and the
// HorizontalPodAutoscaler behind it, can follow Flyball. KEDA asks (pull), and
// is told when something must start or may stop (push).
//
// The number is a metric with a target of 1 per replica: the
// HorizontalPodAutoscaler wants as many replicas as the metric says. Whoever
// is not known, was not decided on lately, or is paused, is an error and never a
// zero: KEDA then keeps what there is, or does what its fallback says.
package keda

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	pb "github.com/flyball-io/flyball/serve/keda/externalscaler"
	"github.com/flyball-io/flyball/web"
)

// Metric is what the number is called. KEDA puts the index of the trigger
// before it.
const Metric = "flyball-desired-replicas"

// What a trigger says in its metadata.
const (
	autoscalerKey = "autoscaler" // name of the Autoscaler
	namespaceKey  = "namespace"  // its namespace; that of the ScaledObject when left out
)

// minStaleAfter is the least age at which a decision is no longer handed over.
const minStaleAfter = 10 * time.Second

// Options say where decisions come from.
type Options struct {
	Bus   bus.Bus
	Clock clock.Clock
	Log   *slog.Logger
}

// Scaler answers KEDA. Its methods may be called from several goroutines.
type Scaler struct {
	pb.UnimplementedExternalScalerServer // StreamMetricSpec: the target is always 1

	opts Options

	mu      sync.Mutex // guards what follows
	targets map[string]*decided
	changed chan struct{} // closed when something has changed, and made anew

	ended chan struct{} // closed when nothing is answered any more
	end   func()        // closes it
}

var _ pb.ExternalScalerServer = (*Scaler)(nil)

// decided is what is known of one Autoscaler.
type decided struct {
	sync     time.Duration // time between two decisions
	at       time.Time     // of the newest; zero: none yet
	mark     record.Mark   // of the newest, where several planners take turns
	replicas int
	paused   bool // then; nobody is to follow it
}

// New returns a scaler that knows no Autoscaler yet.
func New(opts Options) *Scaler {
	s := &Scaler{opts: opts, targets: map[string]*decided{}, changed: make(chan struct{}), ended: make(chan struct{})}
	s.end = sync.OnceFunc(func() { close(s.ended) })
	return s
}

// SetTargets says which Autoscalers there are; what is known of those that
// stay is kept.
func (s *Scaler) SetTargets(targets []web.TargetInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*decided{}
	for _, t := range targets {
		d, known := s.targets[t.Name]
		if !known {
			d = &decided{}
		}
		d.sync = t.Sync
		next[t.Name] = d
	}
	s.targets = next
	s.tell()
}

// tell wakes whoever waits for a change.
func (s *Scaler) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Hear takes over decisions until ctx is done.
func (s *Scaler) Hear(ctx context.Context) error {
	decisions, err := control.Decisions(s.opts.Bus, control.All).Subscribe(ctx)
	if err != nil {
		return fmt.Errorf("listen to decisions: %w", err)
	}
	for d := range decisions {
		s.take(d)
	}
	return nil
}

func (s *Scaler) take(d record.Decided) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, known := s.targets[d.Decision.Target]
	if !known || d.Compare(t.mark) < 0 { // of a planner that has been replaced
		return
	}
	t.at, t.mark, t.replicas, t.paused = d.Decision.At, d.Mark, d.Decision.DesiredReplicas, d.Mode == scale.Paused
	s.tell()
}

// answer is what is known of an Autoscaler now.
type answer struct {
	replicas int
	fresh    time.Duration   // how long that holds unless something is heard
	changed  <-chan struct{} // closed when something may have
}

// look answers for the Autoscaler that a trigger names.
func (s *Scaler) look(ref *pb.ScaledObjectRef) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, t, err := s.find(ref)
	if err != nil {
		return answer{}, err
	}
	if t.at.IsZero() {
		return answer{}, status.Errorf(codes.Unavailable, "nothing has been decided yet for Autoscaler %s", name)
	}
	if t.paused {
		return answer{}, status.Errorf(codes.Unavailable, "Autoscaler %s is paused: its count is to be left alone", name)
	}
	age, limit := s.opts.Clock.Now().Sub(t.at), max(3*t.sync, minStaleAfter)
	if age.Abs() > limit { // one of the future is of a clock that was set back
		return answer{}, status.Errorf(codes.Unavailable, "the last decision for Autoscaler %s is %v old, more than %v: its target cannot be read, or Flyball stands still", name, age.Round(time.Second), limit)
	}
	return answer{t.replicas, limit - age, s.changed}, nil
}

// find is the Autoscaler that a trigger names: that of its namespace, as the
// operator names them (namespace.name), else that of a document.
func (s *Scaler) find(ref *pb.ScaledObjectRef) (string, *decided, error) {
	metadata := ref.GetScalerMetadata()
	name := metadata[autoscalerKey]
	if name == "" {
		return "", nil, status.Errorf(codes.InvalidArgument, "metadata of the trigger: %s must name an Autoscaler, for example %s: web", autoscalerKey, autoscalerKey)
	}
	namespace, stated := metadata[namespaceKey]
	if !stated {
		namespace = ref.GetNamespace()
	}
	for _, full := range []string{namespace + "." + name, name} {
		if t, known := s.targets[full]; known {
			return full, t, nil
		}
	}
	return "", nil, status.Errorf(codes.NotFound, "there is no Autoscaler %s in namespace %s here; known: %s", name, namespace, some(s.targets))
}

// some names a few of those that there are.
func some(targets map[string]*decided) string {
	const shown = 5
	names := slices.Sorted(maps.Keys(targets))
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > shown:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// IsActive reports whether there is to be any replica.
func (s *Scaler) IsActive(_ context.Context, ref *pb.ScaledObjectRef) (*pb.IsActiveResponse, error) {
	a, err := s.look(ref)
	if err != nil {
		return nil, err
	}
	return &pb.IsActiveResponse{Result: a.replicas > 0}, nil
}

// GetMetricSpec is the same for each Autoscaler, also while nothing can be
// said of it: KEDA would otherwise take the metric from its
// HorizontalPodAutoscaler.
func (s *Scaler) GetMetricSpec(_ context.Context, ref *pb.ScaledObjectRef) (*pb.GetMetricSpecResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, _, err := s.find(ref); err != nil {
		return nil, err
	}
	return &pb.GetMetricSpecResponse{MetricSpecs: []*pb.MetricSpec{{MetricName: Metric, TargetSize: 1, TargetSizeFloat: 1}}}, nil
}

// GetMetrics is the number of replicas that was decided.
func (s *Scaler) GetMetrics(_ context.Context, r *pb.GetMetricsRequest) (*pb.GetMetricsResponse, error) {
	if name := r.GetMetricName(); name != Metric {
		return nil, status.Errorf(codes.InvalidArgument, "metricName: must be %s, got %q", Metric, name)
	}
	a, err := s.look(r.GetScaledObjectRef())
	if err != nil {
		return nil, err
	}
	value := &pb.MetricValue{MetricName: Metric, MetricValue: int64(a.replicas), MetricValueFloat: float64(a.replicas)}
	return &pb.GetMetricsResponse{MetricValues: []*pb.MetricValue{value}}, nil
}

// StreamIsActive says whether there is to be any replica, and says so again
// whenever that changes. It ends with an error once it is not known any more;
// KEDA comes again.
func (s *Scaler) StreamIsActive(ref *pb.ScaledObjectRef, stream pb.ExternalScaler_StreamIsActiveServer) error {
	for told, last := false, false; ; {
		a, err := s.look(ref)
		if err != nil {
			return err
		}
		if active := a.replicas > 0; !told || active != last {
			if err := stream.Send(&pb.IsActiveResponse{Result: active}); err != nil {
				return err
			}
			told, last = true, active
		}
		select {
		case <-a.changed:
		case <-s.opts.Clock.After(a.fresh + time.Millisecond):
		case <-s.ended:
			return status.Error(codes.Unavailable, "Flyball ends")
		case <-stream.Context().Done():
			return nil // nobody listens any more
		}
	}
}
