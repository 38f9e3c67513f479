package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// What callers branch on.
var (
	// ErrUnreachable: there was no answer, or none that says anything. What runs
	// goes on.
	ErrUnreachable = errors.New("the API server does not answer")
	// ErrUnauthorized: it does not know who asks.
	ErrUnauthorized = errors.New("the API server does not know these credentials")
	// ErrForbidden: who asks may not.
	ErrForbidden = errors.New("not allowed")
	// ErrNotFound: there is no such object, or not any more.
	ErrNotFound = errors.New("not found")
	// ErrNoKind: the cluster knows no such kind.
	ErrNoKind = errors.New("the cluster has no such kind")
	// ErrNotScalable: objects of the kind have no count that can be set.
	ErrNotScalable = errors.New("cannot be scaled")
	// ErrConflict: somebody else has changed the object meanwhile.
	ErrConflict = errors.New("changed meanwhile")
)

// askTimeout is the longest time for an answer: a server that hangs is one that
// does not answer.
const askTimeout = 10 * time.Second

// ask calls the API server, for at most a while, and names what goes wrong.
func ask[R any](ctx context.Context, call func(context.Context) (R, error)) (R, error) {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	result, err := call(limited)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
		return result, context.Cause(ctx)
	case limited.Err() != nil:
		return result, fmt.Errorf("%w: nothing was heard within %v", ErrUnreachable, askTimeout)
	default:
		return result, Named(err)
	}
}

// Named gives an error of an API server, or of the way to it, the name that
// callers branch on.
func Named(err error) error {
	name := nameOf(err)
	if name == nil || errors.Is(err, name) {
		return err
	}
	return fmt.Errorf("%w: %w", name, err)
}

func nameOf(err error) error {
	var network net.Error
	switch {
	case err == nil:
		return nil
	case apierrors.IsConflict(err):
		return ErrConflict
	case apierrors.IsNotFound(err):
		return ErrNotFound
	case apierrors.IsForbidden(err):
		return ErrForbidden
	case apierrors.IsUnauthorized(err):
		return ErrUnauthorized
	case meta.IsNoMatchError(err):
		return ErrNoKind
	case apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err), apierrors.IsUnexpectedServerError(err):
		return ErrUnreachable
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		return ErrUnreachable
	default:
		return nil
	}
}

// Away reports whether an error says nothing of the object: nobody answered,
// or nobody who knows us. What was known before still holds.
func Away(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrForbidden)
}
