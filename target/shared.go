package target

import (
	"context"
	"fmt"
)

// ErrReplaced is why the ctx of a Run ends where another controller has the
// target now, or may have it: what Run has in trust is that one's, and is not given
// back at its end. Whoever only looks for context.Canceled finds that.
var ErrReplaced = fmt.Errorf("another controller's turn: %w", context.Canceled)

// Shared is a target whose replicas every controller sees, whoever made them,
// so that two that look after it would undo each other's work.
//
// Alone says whether this one is certainly the only one, as it is until told
// otherwise. While it is not, Run starts nothing, takes nothing away and puts
// nothing back, nor who else scales out of the way; Status goes on to say what exists. Alone does not wait.
type Shared interface {
	Alone(yes bool)
}
