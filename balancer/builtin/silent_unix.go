//go:build unix

package builtin

import "syscall"

// silent reports whether nothing can be read from a connection now, not even
// its end.
func silent(raw syscall.RawConn) bool {
	var one [1]byte
	var fault error
	err := raw.Read(func(fd uintptr) bool {
		_, _, fault = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true // do not wait
	})
	return err == nil && fault == syscall.EAGAIN
}
