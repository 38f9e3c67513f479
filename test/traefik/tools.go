//go:build tools

// Package traefik names Traefik, so that the tests of balancer/traefik can
// have the real program: scripts/test-binaries builds it from this module. It
// is a module of its own because Traefik brings a thousand others.
package traefik

import _ "github.com/traefik/traefik/v3/cmd/traefik"
