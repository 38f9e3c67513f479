//go:build !unix

package main

import "os"

// softly is the signal on which a balancer ends: there is no soft one.
func softly(string) os.Signal { return os.Kill }

// groupOf is the group of a file: there is none here.
func groupOf(string) int { return -1 }
