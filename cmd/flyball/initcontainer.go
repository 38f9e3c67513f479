package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
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

// oncePublished lists a port of a container once: the engine starts a process
// for each family of addresses.
func oncePublished(services []discover.Service) []discover.Service {
	seen := map[int]bool{}
	return slices.DeleteFunc(services, func(s discover.Service) bool {
		if !isPublished(s.Process.Command) {
			return false
		}
		before := seen[s.Port]
		seen[s.Port] = true
		return before
	})
}

// publishedBy names the containers that publish the ports of services; those that
// the engine does not tell of are missing.
func publishedBy(ctx context.Context, services []discover.Service) map[int]string {
	names := map[int]string{}
	if !slices.ContainsFunc(services, func(s discover.Service) bool { return isPublished(s.Process.Command) }) {
		return names
	}
	engine, err := docker.Open("")
	if err != nil {
		return names
	}
	defer func() { _ = engine.Close() }() // it was only asked
	all, _ := engine.List(ctx, nil)       // without names they are listed as they run
	for i := range all {
		for _, address := range all[i].Published {
			if _, port, err := net.SplitHostPort(address); err == nil {
				number, _ := strconv.Atoi(port) // the engine's own
				names[number] = all[i].Name
			}
		}
	}
	return names
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
