package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// The engine's own words, by which it is told what exactly was not found or
// not possible: status codes alone do not say. Seen in 20.10 to 29.
var (
	noImageWords   = []string{"no such image"}
	noNetworkWords = []string{"network"} // once it is no container's name
	noneWords      = []string{"no such container"}
	nameWords      = []string{"is already in use by container"}
	goneWords      = []string{"marked for removal", "is already in progress"}
	mountWords     = []string{"bind source path does not exist"}
	portWords      = []string{"port is already allocated", "address already in use", "all ports are allocated", "failed to bind host port"}
)

// named gives an error of the engine the name that callers branch on.
func named(err error) error {
	if err == nil {
		return nil
	}
	says := func(words []string) bool {
		text := strings.ToLower(err.Error())
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case isLost(err):
		return lost(err)
	case errdefs.IsNotFound(err) && says(noImageWords):
		return fmt.Errorf("%w: %w", ErrNoImage, err)
	case errdefs.IsNotFound(err) && !says(noneWords) && says(noNetworkWords):
		return fmt.Errorf("%w: %w", ErrNoNetwork, err)
	case errdefs.IsNotFound(err), errdefs.IsConflict(err) && says(goneWords):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case errdefs.IsConflict(err) && says(nameWords):
		return fmt.Errorf("%w: %w", ErrNameTaken, err)
	case says(mountWords):
		return fmt.Errorf("%w: %w", ErrNoMount, err)
	case says(portWords):
		return fmt.Errorf("%w: %w", ErrPortTaken, err)
	default:
		return err
	}
}

// isLost is true when there was no answer, or only a part of one.
func isLost(err error) bool {
	var network net.Error
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

func lost(err error) error { return fmt.Errorf("%w: %w", ErrUnreachable, err) }
