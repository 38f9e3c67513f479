package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
)

// trainMeter shows how far a training is.
type trainMeter struct {
	line    *cli.Progress
	began   time.Time
	first   int
	known   bool
	verdict *training.Verdict
}

func newTrainMeter() *trainMeter {
	return &trainMeter{line: cli.NewProgress(os.Stderr), began: time.Now()}
}

// preparing tells that so many of all loads were played under the base policy.
func (m *trainMeter) preparing(done, all int) {
	elapsed := time.Since(m.began)
	text := fmt.Sprintf("preparing %s %d of %s", bar(float64(done)/float64(all)), done, scale.Count(all, "load"))
	if left := remaining(done, all, elapsed); left >= 0 {
		text += fmt.Sprintf("  %d:%02d left", int(left.Minutes()), int(left.Seconds())%60)
	}
	m.line.Show(elapsed, text)
}

func (m *trainMeter) show(s training.Status) {
	if !m.known {
		m.first, m.known, m.began = s.Steps, true, time.Now()
	}
	if s.Newest.Verdict != nil {
		m.verdict = s.Newest.Verdict
	}
	elapsed := time.Since(m.began)
	const width = 20
	full := min(width, width*s.Steps/max(1, s.All))
	text := fmt.Sprintf("[%s%s] %3d %%  %s of %s steps", strings.Repeat("█", full), strings.Repeat("░", width-full), min(100, 100*s.Steps/max(1, s.All)), inThousands(s.Steps), inThousands(s.All))
	if n := s.Steps - m.first; n > 0 && elapsed > time.Second {
		text += fmt.Sprintf("  %s/s", inThousands(int(float64(n)/elapsed.Seconds())))
	}
	if left := remaining(s.Steps-m.first, s.All-m.first, elapsed); left >= 0 {
		text += fmt.Sprintf("  %d:%02d left", int(left.Minutes()), int(left.Seconds())%60)
	}
	if r := s.Newest.Return; r == r {
		text += fmt.Sprintf("  reward %.3g", r)
	}
	if m.verdict != nil {
		text += fmt.Sprintf("  cost %.3f × predictive", m.verdict.OverBase)
	}
	m.line.Show(elapsed, text)
}

func inThousands(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%.2fM", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
