//go:build unix

package neterr

import "syscall"

func refused() []error   { return []error{syscall.ECONNREFUSED} }
func broken() []error    { return []error{syscall.ECONNRESET, syscall.EPIPE} }
func exhausted() []error { return []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL} }
