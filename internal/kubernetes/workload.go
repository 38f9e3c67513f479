package kubernetes

import (
	"context"
	"fmt"
	"time"

	autoscaling "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flyball-io/flyball/scale"
)

// API is what targets need of a cluster. Its methods may be called from several
// goroutines.
type API interface {
	// Workload describes an object that has a scale subresource.
	Workload(ctx context.Context, ref Ref) (Workload, error)
	// Scale sets the count of an object as it was read, or returns ErrConflict
	// when somebody has changed it since. It returns the object with the count.
	Scale(ctx context.Context, w Workload, replicas int) (Workload, error)
	// Pods describes the pods of an object, by name.
	Pods(ctx context.Context, w Workload) ([]Pod, error)
	// Rivals are those who scale the object beside us.
	Rivals(ctx context.Context, ref Ref) ([]Rival, error)
	// Suspend lets a rival rest until Resume; by says on whose behalf.
	Suspend(ctx context.Context, r Rival, by string) error
	// Resume makes a rival what it was before Suspend.
	Resume(ctx context.Context, r Rival) error
	// SetDeletionCost says which pod of a ReplicaSet is to go first: that of the
	// lowest cost. 0 is what a pod costs of which nobody says anything.
	SetDeletionCost(ctx context.Context, p Pod, cost int) error
	// Usage is what pods use, as metrics.k8s.io tells it.
	Usage(ctx context.Context, namespace string, pods labels.Selector) ([]scale.Sample, error)
	// Follow tells when anything may have changed that concerns the object,
	// until ctx is done. While it runs, nobody is asked for what was told.
	Follow(ctx context.Context, ref Ref, tell func())
}

var _ API = (*Cluster)(nil)

// Ref names an object.
type Ref struct{ APIVersion, Kind, Namespace, Name string }

func (r Ref) String() string { return fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name) }

func (r Ref) groupKind() schema.GroupKind {
	return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind()
}

// Rollout is what becomes of an object whose pods' definition was changed.
type Rollout string

// States of a rollout.
const (
	NoRollout     Rollout = ""
	RollingOut    Rollout = "in progress"
	RolloutPaused Rollout = "paused"
	RolloutStuck  Rollout = "stuck"
)

// Workload is what the API server says of an object that is scaled.
type Workload struct {
	Ref Ref
	// UID tells it from one of the same name that was made anew.
	UID string
	// Replicas is the count that is asked for, Observed how many pods its
	// controller has counted.
	Replicas, Observed int
	// Selector selects its pods, and perhaps pods of others.
	Selector labels.Selector
	// Controller is who made it, where that has a say in its count: "Deployment
	// web" of a ReplicaSet.
	Controller string
	Rollout    Rollout
	// RolloutSays is what its controller says of the rollout.
	RolloutSays string
	// CountedBy is who set the count last, as they name themselves: "kubectl".
	CountedBy string
	// Refused is why pods cannot be created, in the words of the API server: a
	// quota that is used up. "" where they can.
	Refused string

	resource schema.GroupVersionResource
	scale    *autoscaling.Scale
}

// Pod is what the API server says of a pod.
type Pod struct {
	Namespace, Name string
	UID             string
	IP              string
	Node            string
	Phase           scale.Phase
	Readiness       scale.Readiness
	// CreatedAt is when it was asked for, StartedAt when its node took it over,
	// DeletedAt when its end was asked for.
	CreatedAt, StartedAt, DeletedAt time.Time
	Restarts                        int
	Containers                      []scale.Container
	// Revision tells pods of one definition from those of another.
	Revision string
	// Unplaced is why it has no node, in the words of the scheduler; "": it has
	// one, or was not thought of yet.
	Unplaced string
	// Waiting is why a container does not run: "CrashLoopBackOff".
	Waiting []Trouble
	// DeletionCost is what was set by SetDeletionCost.
	DeletionCost int
}

// Trouble is why a container waits.
type Trouble struct{ Container, Reason, Message string }

// RivalKind is a kind of object that scales others.
type RivalKind string

// Kinds of rivals.
const (
	HPA          RivalKind = "HorizontalPodAutoscaler"
	ScaledObject RivalKind = "ScaledObject"
	// KEDAHPA is in the place of a ScaledObject that may not be seen. KEDA makes it
	// what it was whenever somebody changes it, so that it cannot be let rest.
	KEDAHPA RivalKind = "HorizontalPodAutoscaler of KEDA"
)

// Rival is an object that scales another one.
type Rival struct {
	Kind            RivalKind
	Namespace, Name string
	// Resting: it changes nothing.
	Resting bool
	// SuspendedBy is on whose behalf it rests; "": not by Suspend.
	SuspendedBy string
}

func (r Rival) String() string { return fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name) }
