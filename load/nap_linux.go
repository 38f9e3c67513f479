package load

import (
	"syscall"
	"time"
)

// longestNap is how much of a wait is slept through in the kernel: the
// runtime rounds the timers of an idle program up to a whole millisecond,
// which would be added to every latency of a lightly loaded service.
const longestNap = 1100 * time.Microsecond

// nap sleeps for d to within some 50 µs.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&t, nil) // woken early, the request is sent that much early
}
