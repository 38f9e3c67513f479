package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// HasNetwork returns nil when the engine has a network, ErrNoNetwork when it has
// not.
func (c *Client) HasNetwork(ctx context.Context, name string) error {
	_, err := ask(ctx, askTimeout, func(ctx context.Context) (client.NetworkInspectResult, error) {
		return c.api.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	})
	if err != nil {
		return fmt.Errorf("look for network %s: %w", name, err)
	}
	return nil
}
