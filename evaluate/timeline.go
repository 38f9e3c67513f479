package evaluate

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/sim"
)

// timelineHeader is the first line of a timeline file.
const timelineHeader = "t_seconds,desired_replicas,ready_replicas,billed_replicas,requests_per_second,utilization,p95_seconds"

// WriteTimeline writes the moments of a run as CSV.
func WriteTimeline(w io.Writer, moments []sim.Moment) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, timelineHeader)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, m := range moments {
		fmt.Fprintf(out, "%s,%d,%d,%d,%s,%s,%s\n", strconv.FormatFloat(m.At.Seconds(), 'f', -1, 64),
			m.Desired, m.Ready, m.Billed, number(m.RequestRate), number(m.Utilization), number(m.P95))
	}
	return out.Flush()
}

// timelineNames are the names of the timeline files of runs:
// timeline-<trace>-<policy>-<seed>.csv, with what is no letter, digit or one of
// ._=- replaced by _. Runs whose names would be the same, also where case does
// not count, are told apart by a digest.
func timelineNames(runs []Run) []string {
	names, count := make([]string, len(runs)), map[string]int{}
	for i, r := range runs {
		names[i] = fmt.Sprintf("timeline-%s-%s-%d", safe(r.Trace), safe(r.Policy), r.Seed)
		count[strings.ToLower(names[i])]++
	}
	for i, r := range runs {
		if count[strings.ToLower(names[i])] > 1 || len(names[i]) > 200 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %v %v %v", r.Trace, r.Policy, r.Knob, r.Seed, r.Fluid))
			names[i] = names[i][:min(len(names[i]), 200)] + "-" + hex.EncodeToString(sum[:6])
		}
		names[i] += ".csv"
	}
	return names
}

func safe(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("._=-", c):
			return c
		}
		return '_'
	}, name)
}
