package demo

import (
	"fmt"
	"strings"
	"time"
)

// String is the state in one line:
//
//	1:23/3:00  312 req/s  p95 143 ms  replicas 7/8  6 → 8 concurrency 21 at 2.8 per replica: 8
func (p Progress) String() string {
	line := fmt.Sprintf("%s/%s", minutes(p.Elapsed), minutes(p.Total))
	for i, s := range p.Services {
		if i > 0 {
			line += "  ‖ " + s.Name
		}
		line += fmt.Sprintf("  %3.0f req/s  p95 %3d ms  replicas %d/%d", s.Rate, s.P95.Milliseconds(), s.Ready, s.Specified)
		if s.Failed > 0 {
			line += fmt.Sprintf("  %d failed", s.Failed)
		}
		if s.LastReason != "" {
			line += fmt.Sprintf("  last %d → %d: %s", s.LastFrom, s.LastTo, s.LastReason)
		}
	}
	return strings.TrimSpace(line)
}

func minutes(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
