// Package neterr tells network errors apart on every system: Windows has its
// own numbers, which are not those of package syscall.
package neterr

import (
	"errors"
	"slices"
)

// Refused is true when nobody listens at the address.
func Refused(err error) bool { return isAny(err, refused()) }

// Broken is true when the other side broke off the connection.
func Broken(err error) bool { return isAny(err, broken()) }

// Exhausted is true when this machine has no more files or ports.
func Exhausted(err error) bool { return isAny(err, exhausted()) }

func isAny(err error, wanted []error) bool {
	return slices.ContainsFunc(wanted, func(one error) bool { return errors.Is(err, one) })
}
