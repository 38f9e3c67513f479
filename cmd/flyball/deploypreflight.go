package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/flyball-io/flyball/deploy/stack"
	"github.com/flyball-io/flyball/internal/discover"
)

// ready sees to it that images and ports are there before anything is started:
// a stack that cannot come up would be left half begun.
func (e engineCLI) ready(ctx context.Context) error {
	return errors.Join(e.imagesThere(ctx), e.portsFree(ctx))
}

// imagesThere looks for the images that this machine may have been built. A name
// without a slash is nobody's at a registry but for the official images, of
// which Flyball is none; others Compose and Swarm pull, where they may.
func (e engineCLI) imagesThere(ctx context.Context) error {
	if image := e.options.FlyballImage; !strings.Contains(image, "/") && !e.hasImage(ctx, image) {
		return fmt.Errorf("--flyball-image: the engine has no image %s: make image IMAGE=%s builds it from the sources, or name another one (docker image ls)", image, image)
	}
	app := e.options.AppImage
	if app == "" || e.swarm() || e.hasImage(ctx, app) {
		return nil // the nodes of a swarm pull, each its own
	}
	if err := e.run(ctx, "pull", app); err != nil {
		return fmt.Errorf("--image: the engine has no image %s, and it cannot be pulled: build it, log in to its registry (docker login), or name another one: %w", app, err)
	}
	return nil
}

// hasImage is true also where the engine does not say: what is started then
// says why.
func (e engineCLI) hasImage(ctx context.Context, image string) bool {
	_, err := e.answer(ctx, "image", "inspect", "--format", "{{.Id}}", image)
	return err == nil || !strings.Contains(strings.ToLower(err.Error()), "no such image")
}

// portsFree tries the ports of the stack, where its engine is on this machine.
// Those that the stack itself has already are its own.
func (e engineCLI) portsFree(ctx context.Context) error {
	if host := os.Getenv("DOCKER_HOST"); host != "" && !strings.HasPrefix(host, "unix://") {
		return nil
	}
	own, err := e.answer(ctx, "ps", "--filter", "label="+e.label(), "--format", "{{.Ports}}")
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range e.options.Publications() {
		if strings.Contains(own, ":"+strconv.Itoa(p.Port)+"->") {
			continue
		}
		errs = append(errs, portFree(ctx, p))
	}
	return errors.Join(errs...)
}

// portFree opens a port for a moment. One that this user may not open is the
// engine's to try.
func portFree(ctx context.Context, p stack.Publication) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(p.Address, strconv.Itoa(p.Port)))
	switch {
	case err == nil:
		return l.Close()
	case !errors.Is(err, syscall.EADDRINUSE):
		return nil
	}
	by := ""
	if holder, known := discover.Holder(p.Port); known && holder.PID != 0 {
		by = fmt.Sprintf(" by %s (process %d)", holder.Name, holder.PID)
	}
	return fmt.Errorf("%s: port %d of this machine is held%s: choose another one with %s, or end what holds it", p.Flag, p.Port, by, p.Flag)
}
