package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
)

// HasImage returns nil when the engine has an image, ErrNoImage when it has not.
func (c *Client) HasImage(ctx context.Context, name string) error {
	_, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ImageInspectResult, error) {
		return c.api.ImageInspect(ctx, name)
	})
	if err != nil {
		return fmt.Errorf("look for image %s: %w", name, err)
	}
	return nil
}
