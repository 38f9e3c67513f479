package stress

import (
	"context"
	"io"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

// Pods are those of an object of a cluster that run.
type Pods struct {
	Cluster *kubernetes.Cluster
	Ref     kubernetes.Ref
	// Container is where programs run; "": the first of each pod.
	Container string
}

var _ Replicas = Pods{}

// List returns their names.
func (p Pods) List(ctx context.Context) ([]string, error) {
	object, err := p.Cluster.Workload(ctx, p.Ref)
	if err != nil {
		return nil, err
	}
	all, err := p.Cluster.Pods(ctx, object)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, pod := range all {
		if pod.Phase == scale.Running && pod.DeletedAt.IsZero() {
			names = append(names, pod.Name)
		}
	}
	return names, nil
}

// Exec runs a program in one of them.
func (p Pods) Exec(ctx context.Context, name string, command []string, in io.Reader, out io.Writer) error {
	return p.Cluster.Exec(ctx, p.Ref.Namespace, name, p.Container, command, in, out)
}
