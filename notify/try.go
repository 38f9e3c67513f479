package notify

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/internal/clock"
)

// Try sends one receiver a message of the type Test, once, as it would be sent
// any other. Nil: the receiver took it.
func Try(ctx context.Context, c Config, r Receiver, clk clock.Clock) error {
	r = r.withDefaults()
	news := News{Type: "Test", Group: Program, Severity: Info, At: clk.Now(), Message: "a test of notifications; nothing has happened"}
	news.ID = identify(r.Name, news.Type, news.At, news.Message)
	m, err := writerOf(r, c.Source).write([]News{news}, 0)
	if err != nil {
		return fmt.Errorf("receiver %s: %w", r.Name, err)
	}
	w := newWire(r, clk)
	defer w.client.Close()
	if err := w.post(ctx, m); err != nil {
		return fmt.Errorf("receiver %s: %w", r.Name, err)
	}
	return nil
}
