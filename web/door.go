package web

import (
	"context"
	"slices"
	"sync"
)

// door knows whose tokens let in. They can be changed while it is open.
type door struct {
	guarded bool // whether a token is needed at all

	mu      sync.Mutex // guards what follows
	tokens  []Token
	changed chan struct{} // closed when tokens are replaced
}

// SetTokens replaces the tokens that let in, as after their file was read anew.
// Streams of those whose token is gone end. A server that was made without
// tokens needs none, and one that was made with some always needs one.
func (s *Server) SetTokens(tokens []Token) {
	d := &s.door
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens = slices.Clone(tokens)
	close(d.changed)
	d.changed = make(chan struct{})
}

// all returns the tokens, which nobody changes.
func (d *door) all() []Token {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tokens
}

// admits reports whether who was let in would be now, and returns what is
// closed when that is to be asked again.
func (d *door) admits(ctx context.Context) (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	holder, proven := ctx.Value(holderKey{}).(Token)
	return !d.guarded || (proven && slices.Contains(d.tokens, holder)), d.changed
}
