package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/discover"
	"github.com/flyball-io/flyball/internal/docker"
)

// isPublished reports whether a command is what the engine starts to take
// connections for a container: replicas of that would be of no use.
func isPublished(command []string) bool {
	return len(command) > 0 && filepath.Base(command[0]) == "docker-proxy"
}

// likeContainer makes the document one of containers like that which publishes
// its port.
func likeContainer(ctx context.Context, d discover.Document) (discover.Document, error) {
	engine, err := docker.Open("")
	if err != nil {
		return d, err
	}
	defer func() { _ = engine.Close() }() // it was only asked
	all, err := engine.List(ctx, nil)
	if err != nil {
		return d, cli.UsageError{Err: fmt.Errorf("port %d is published by a container, and the engine does not say by which: %w", d.Port, err)}
	}
	for i := range all {
		for inside, address := range all[i].Published {
			if _, port, err := net.SplitHostPort(address); err == nil && port == strconv.Itoa(d.Port) {
				c := discover.Container{Name: all[i].Name, Port: inside, Listen: address}
				return discover.Document{Name: discover.ServiceName([]string{c.Name}), Port: d.Port, Ready: d.Ready, Container: &c}, nil
			}
		}
	}
	return d, cli.UsageError{Err: fmt.Errorf("port %d is published by a container that this engine does not have: set DOCKER_HOST", d.Port)}
}
