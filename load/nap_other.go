//go:build !linux

package load

import "time"

// longestNap is 0: timers have to do.
const longestNap = 0

func nap(time.Duration) {}
