package docker

import "context"

// NameReplicas lets a test choose the names of containers.
func (t *Target) NameReplicas(ctx context.Context, name func(service string) string) error {
	return t.do(ctx, func(k *keeper) error {
		k.newName = name
		return nil
	})
}

// RandomName is how they are chosen otherwise.
var RandomName = randomName
