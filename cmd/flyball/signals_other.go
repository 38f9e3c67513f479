//go:build !unix

package main

import "os"

// reloadSignals ask for the documents to be read again: there are none here,
// files are watched.
func reloadSignals() []os.Signal { return nil }
