package client

import "context"

// Health is what an instance says of itself.
type Health struct {
	Status string `json:"status"` // ok
}

// Health asks whether the instance answers.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	return h, c.get(ctx, "/healthz", nil, &h)
}
