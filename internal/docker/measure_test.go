package docker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
)

// measured follows a new container until it has been read once.
func measured(t *testing.T, c *docker.Client, name string) (docker.Container, <-chan error) {
	t.Helper()
	one := run(t, c, name, docker.Spec{Image: "web:1", Labels: mine(t, c)})
	read, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- c.Stats(t.Context(), one.ID, func(docker.Stats) {
			select {
			case read <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-read:
	case <-time.After(time.Minute):
		t.Fatal("nothing was read in a minute")
	}
	return one, ended
}

func why(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Minute):
		t.Fatal("it is measured on for a minute")
		return nil
	}
}

// Why a container is not measured any more: it has ended, or the engine is
// away. The one is no reason to doubt the other.
func TestMeasuringEndsWithTheContainerOrTheEngine(t *testing.T) {
	c, daemon := open(t)
	one, ended := measured(t, c, "ends")
	if err := c.Remove(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	if err := why(t, ended); !errors.Is(err, docker.ErrGone) || errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("the container has ended, told is %v", err)
	}
	_, ended = measured(t, c, "stays")
	daemon.Kill(t)
	defer daemon.Start(t)
	if err := why(t, ended); !errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("the engine was killed, told is %v", err)
	}
}
