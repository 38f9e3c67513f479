//go:build !unix

package advised

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
