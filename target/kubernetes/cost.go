package kubernetes

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

// goesFirst is the deletion cost of pods that are to go before all others: those
// of which nobody says anything cost 0.
const goesFirst = -1000

// mostMarked bounds the pods that are marked for one order: each is a request,
// and the order waits for them. The rest is the ReplicaSet's choice.
const mostMarked = 50

// costs remembers what went wrong, to say it once.
type costs struct{ failing string }

// mark says which pods are to go first when the count falls to n: the least
// busy. A ReplicaSet asks for it after whether a pod has a node and is ready.
// An order is not held up by it: who may not mark pods lets the ReplicaSet
// choose.
func (v *view) mark(ctx context.Context, n int) {
	if !v.cfg.PodDeletionCost || !v.seen || n >= v.status.SpecReplicas {
		return
	}
	going := v.leastBusy(v.status.SpecReplicas - n)
	err := ""
	for i := range v.pods {
		cost := 0
		if slices.Contains(going, v.pods[i].Name) {
			cost = goesFirst
		}
		if was := v.pods[i].DeletionCost; was == cost || cost == 0 && was != goesFirst || !v.pods[i].DeletedAt.IsZero() {
			continue // what somebody else has said stays
		}
		if failed := v.api.SetDeletionCost(ctx, v.pods[i], cost); failed != nil {
			err = failed.Error()
			break
		}
	}
	if err != "" && err != v.costs.failing {
		v.log.Warn("pods are not marked; the ReplicaSet chooses which go", slog.String("error", err))
	}
	v.costs.failing = err
}

// leastBusy are the names of so many pods, those with the least work first, by
// requests in progress where somebody counts them, else by CPU.
func (v *view) leastBusy(many int) []string {
	var able []kubernetes.Pod
	busy := map[string]float64{}
	for _, p := range v.pods {
		if p.DeletedAt.IsZero() && p.Phase == scale.Running {
			able = append(able, p)
			busy[p.Name] = v.busy(p.Name)
		}
	}
	slices.SortStableFunc(able, func(a, b kubernetes.Pod) int {
		return cmp.Or(cmp.Compare(busy[a.Name], busy[b.Name]), b.CreatedAt.Compare(a.CreatedAt))
	})
	var names []string
	for _, p := range able[:min(many, mostMarked, len(able))] {
		names = append(names, p.Name)
	}
	return names
}

func (v *view) busy(pod string) float64 {
	if v.traffic != nil {
		if requests, known := v.traffic.Load(pod); known {
			return float64(requests)
		}
	}
	return v.usage.cores(pod)
}
