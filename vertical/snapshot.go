package vertical

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

const kind, version = "vertical", 1

// state is the memory of a recommender.
type state struct {
	Histories map[string]*history `json:"histories"`
	Instances []instanceState     `json:"instances"`
}

type instanceState struct {
	Replica   string `json:"replica"`
	Container string `json:"container,omitempty"`
	instance
}

// Snapshot returns the whole memory. What restores it recommends the same; the
// quantiles, the margin and the bounds of containers may be other ones.
func (r *Recommender) Snapshot() ([]byte, error) {
	s := state{Histories: r.histories, Instances: []instanceState{}}
	for k, i := range r.instances {
		s.Instances = append(s.Instances, instanceState{k.replica, k.container, *i})
	}
	slices.SortFunc(s.Instances, func(a, b instanceState) int {
		return cmp.Or(cmp.Compare(a.Replica, b.Replica), cmp.Compare(a.Container, b.Container))
	})
	return scale.Seal(kind, version, r.model.memory(), s)
}

// Restore takes over what Snapshot returned. It refuses what was made with other
// half-lives or another interval of peaks with [scale.ErrSnapshot], and then
// leaves r unchanged.
func (r *Recommender) Restore(snapshot []byte) error {
	var raw struct {
		Histories map[string]json.RawMessage `json:"histories"`
		Instances []instanceState            `json:"instances"`
	}
	if err := scale.Unseal(snapshot, kind, version, r.model.memory(), &raw); err != nil {
		return err
	}
	histories, instances := map[string]*history{}, map[key]*instance{}
	for name, data := range raw.Histories {
		h := newHistory(&r.model, time.Time{})
		if err := json.Unmarshal(data, h); err != nil {
			return fmt.Errorf("snapshot of %s: container %q: %w: %w", kind, name, scale.ErrSnapshot, err)
		}
		if h.Usage[CPU] == nil || h.Usage[Memory] == nil {
			return fmt.Errorf("snapshot of %s: container %q: no histogram of a resource: %w", kind, name, scale.ErrSnapshot)
		}
		histories[name] = h
	}
	for _, i := range raw.Instances {
		if histories[i.Container] == nil {
			return fmt.Errorf("snapshot of %s: replica %q has a container %q without a history: %w", kind, i.Replica, i.Container, scale.ErrSnapshot)
		}
		instances[key{i.Replica, i.Container}] = &i.instance
	}
	r.histories, r.instances = histories, instances
	return nil
}
