package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
)

// progressBar shows how far an evaluation is, on one line:
//
//	[████████░░░░░░░░░░░░]  41 %  123 of 300 runs  0:32 left
type progressBar struct {
	line  *cli.Progress
	stage string // of an evaluation that has several
	began time.Time
	first int // runs that were done before, which took no time
	known bool
}

func newProgressBar(stage string) *progressBar {
	return &progressBar{line: cli.NewProgress(os.Stderr), stage: stage}
}

// show tells that so many of all runs are done.
func (b *progressBar) show(done, all int) {
	if !b.known {
		b.first, b.known, b.began = done, true, time.Now()
	}
	elapsed := time.Since(b.began)
	b.line.Show(elapsed, strings.TrimSpace(b.stage+" "+barText(done, all, remaining(done-b.first, all-b.first, elapsed))))
}

func (b *progressBar) done() { b.line.Done() }

// remaining is how long the rest takes at the pace so far; negative: not known.
func remaining(done, all int, elapsed time.Duration) time.Duration {
	if done <= 0 {
		return -1
	}
	return time.Duration(float64(elapsed) / float64(done) * float64(all-done))
}

func barText(done, all int, left time.Duration) string {
	const width = 20
	full := 0
	if all > 0 {
		full = width * done / all
	}
	text := fmt.Sprintf("[%s%s] %3d %%  %d of %d runs", strings.Repeat("█", full), strings.Repeat("░", width-full), 100*done/max(1, all), done, all)
	if left >= 0 {
		seconds := int(math.Ceil(left.Seconds()))
		text += fmt.Sprintf("  %d:%02d left", seconds/60, seconds%60)
	}
	return text
}
