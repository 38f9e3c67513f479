package docker

import (
	"context"
	"os"

	"github.com/moby/moby/client"
)

// Here is true where the files of the engine's machine are those that this
// process sees: the engine's own folder is there. Another machine has none, nor
// has a container that was given the engine's socket alone.
func (c *Client) Here(ctx context.Context) bool {
	found, err := ask(ctx, askTimeout, func(ctx context.Context) (client.SystemInfoResult, error) {
		return c.api.Info(ctx, client.InfoOptions{})
	})
	if err != nil || found.Info.DockerRootDir == "" {
		return false
	}
	_, err = os.Stat(found.Info.DockerRootDir)
	return err == nil
}
