//go:build tools

// Package composecli names the program that the tests of target/compose build
// and drive: the Compose plugin of the docker command. A module of its own, so
// that Compose never enters the product's.
package composecli

import _ "github.com/docker/compose/v5/cmd"
