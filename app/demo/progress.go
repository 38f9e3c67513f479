package demo

import (
	"fmt"
	"strings"
	"time"
)

// String is the state, two lines for each service:
//
//	1:23/3:00  shop  312 req/s  p95 143 ms  replicas 7 of 8 ready
//	  last 6 → 8: concurrency 21 at 2.8 per replica: 8
func (p Progress) String() string {
	var lines []string
	for _, s := range p.Services {
		line := fmt.Sprintf("%s/%s  %s  %.0f req/s  p95 %d ms  replicas %d of %d ready",
			minutes(p.Elapsed), minutes(p.Total), s.Name, s.Rate, s.P95.Milliseconds(), s.Ready, s.Specified)
		if s.Failed > 0 {
			line += fmt.Sprintf("  %d failed", s.Failed)
		}
		lines = append(lines, line)
		if s.LastReason != "" {
			lines = append(lines, fmt.Sprintf("  last %d → %d: %s", s.LastFrom, s.LastTo, s.LastReason))
		}
	}
	return strings.Join(lines, "\n")
}

func minutes(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
