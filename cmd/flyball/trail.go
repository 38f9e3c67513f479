package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
)

// rung is one step on the way to a count: who says how many, and why.
type rung struct{ name, count, words string }

// rungs are what each signal proposed, what the policy made of it, and what
// every guard said.
func rungs(d scale.Decision) []rung {
	var all []rung
	for _, p := range d.Recommendation.Proposals {
		count := strconv.Itoa(p.Replicas)
		if p.Missing {
			count = "–" // it asks for nothing, which is not to ask for none
		}
		all = append(all, rung{p.Signal, count, p.Reason.String()})
	}
	all = append(all, rung{"policy " + d.Policy, strconv.Itoa(d.Recommendation.Replicas), d.Recommendation.Reason.String()})
	for _, s := range d.Steps {
		verdict := s.Reason.String()
		if verdict == "" {
			verdict = "ok"
		}
		all = append(all, rung{s.Guard, strconv.Itoa(s.To), verdict})
	}
	return all
}

// printTrail shows how a decision was made, in columns.
func printTrail(w io.Writer, d scale.Decision, width int) { printRungs(w, rungs(d), width) }

// printRungs writes names and counts in columns; words that do not fit go on
// below their column. Width 0 has room for everything.
func printRungs(w io.Writer, all []rung, width int) {
	names, counts := 16, 4
	for _, r := range all {
		names, counts = max(names, utf8.RuneCountInString(r.name)), max(counts, utf8.RuneCountInString(r.count))
	}
	before := 4 + names + 1 + counts + 2
	for _, r := range all {
		words := cli.Wrap(oneLine(r.words), roomFor(before, width), 0)
		fmt.Fprintf(w, "    %-*s %*s  %s\n", names, r.name, counts, r.count, strings.Join(words, "\n"+strings.Repeat(" ", before)))
	}
}

// roomFor is what a column gets that begins after so many others, 20 at least;
// 0 of width 0.
func roomFor(before, width int) int {
	if width == 0 {
		return 0
	}
	return max(20, width-before)
}
