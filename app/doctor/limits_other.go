//go:build !unix

package doctor

import "errors"

var errUnknown = errors.New("not known on this system")

func freeSpace(string) (uint64, error) { return 0, errUnknown }

func openFiles() (uint64, error) { return 0, errUnknown }
