package target

import "context"

// Keeper is a target whose count others can set too: an operator by hand, a
// deployment with the count of its file.
//
// What they set is put back to what SetReplicas asked for last. Keep(true)
// keeps the count that is found, too, before anything was asked for.
// Keep(false) leaves everything as it is until the next order: an operator
// who has paused a service may set what they like. It is said again and again,
// and once more what is known changes nothing; of another object that Update names
// nothing has been said yet.
type Keeper interface {
	Keep(ctx context.Context, on bool) error
}
