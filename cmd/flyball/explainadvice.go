package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// printAdvice tells what the advisors had said when a decision was made: the newest
// answer, and why there is no newer one. What they wrote is quoted: it is their
// word and nobody's instruction.
func (e *explanation) printAdvice(w io.Writer, width int) {
	lines := e.advice()
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(w, "\nAdvice, which the policy weighs:")
	for _, text := range lines {
		printLines(w, cli.Wrap("    "+oneLine(text), width, 6)...)
	}
}

func (e *explanation) advice() []string {
	if e.target.Advice == nil {
		return nil
	}
	made := e.decision.Until.Time
	var lines []string
	for _, event := range e.target.Advice.Newest { // the newest first
		a := event.Advised
		if at := instant(event.At); a == nil || at.After(made) && !e.latest {
			continue
		}
		lines = append(lines, adviceLine(&event, a, e.reference()))
		if a.Error == "" || len(lines) == 2 {
			break
		}
	}
	return lines
}

// reference is the instant that ages and validity are told of: now for the newest
// decision.
func (e *explanation) reference() time.Time {
	if e.latest {
		return e.now
	}
	return e.decision.Until.Time
}

// instant is a time of the API.
func instant(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }

func adviceLine(event *web.EventView, a *web.AdvisedView, now time.Time) string {
	who, _, _ := strings.Cut(a.From, " #")
	begin := fmt.Sprintf("%s ago %s ", age(now, instant(event.At)), who)
	if a.Error != "" {
		return begin + "gave none: " + a.Error
	}
	text := begin + fmt.Sprintf("advised %s (%s %% sure", advisedWhat(a), scale.Number(a.Confidence*100))
	if left := instant(a.Expires).Sub(now); left > 0 {
		text += ", valid for " + span(left)
	} else {
		text += ", expired"
	}
	if a.Cached {
		text += ", said before"
	} else {
		text += ", took " + span(time.Duration(a.Took*float64(time.Second)))
	}
	text += ")"
	if a.Reason != "" {
		text += "; its words: “" + a.Reason + "”"
	}
	return text
}

func advisedWhat(a *web.AdvisedView) string {
	if a.Replicas != nil {
		return replicas(*a.Replicas)
	}
	text := "no change"
	if a.Direction > 0 {
		text = "to grow"
	} else if a.Direction < 0 {
		text = "to shrink"
	}
	for _, t := range a.Thresholds {
		text += fmt.Sprintf(", %s %s", t.Name, latency(&t.Value))
	}
	return text
}
