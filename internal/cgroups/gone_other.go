//go:build !linux

package cgroups

import "io/fs"

// errNoDevice: elsewhere there are no groups that could end.
var errNoDevice = fs.ErrNotExist
