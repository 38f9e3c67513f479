package evaluate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/sim"
)

// TimelineNames are the names of the files in which [Judge] left the timelines
// of these runs, which must be all of one judgement.
func TimelineNames(runs []Run) []string { return timelineNames(runs) }

// ReadTimeline reads what [WriteTimeline] wrote.
func ReadTimeline(r io.Reader) ([]sim.Moment, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("timeline: line 1: %w", err)
	}
	if got := strings.Join(head, ","); got != timelineHeader {
		return nil, fmt.Errorf("timeline: line 1: must be %s, got %s", timelineHeader, got)
	}
	var all []sim.Moment
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("timeline: %w", err)
		}
		m, err := moment(fields)
		if err != nil {
			line, column := in.FieldPos(0)
			return nil, fmt.Errorf("timeline: line %d, column %d: %w", line, column, err)
		}
		all = append(all, m)
	}
}

// moment reads the fields of a line.
func moment(fields []string) (sim.Moment, error) {
	var v [7]float64
	for i, text := range fields {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || n < 0 || n > 1e9 {
			return sim.Moment{}, fmt.Errorf("field %d: must be a number from 0 to a thousand million, got %q", i+1, text)
		}
		v[i] = n
	}
	return sim.Moment{
		At: time.Duration(math.Round(v[0] * 1e9)), Desired: int(v[1]), Ready: int(v[2]), Billed: int(v[3]),
		RequestRate: v[4], Utilization: v[5], P95: v[6],
	}, nil
}
