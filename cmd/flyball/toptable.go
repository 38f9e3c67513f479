package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// column is one of a table of targets, between the name and the reason.
type column struct {
	head  string
	width int // below 0: to the left
	of    func(t *client.Target) string
}

var targetColumns = []column{
	{"MODE", -9, func(t *client.Target) string { return string(t.Mode) }},
	{"READY", 7, ofPoint(func(p *web.Point) string { return number(p.Ready, "") + "/" + number(p.Desired, "") })},
	{"REQ/S", 7, ofPoint(func(p *web.Point) string { return number(p.Rate, "") })},
	{"P95", 7, ofPoint(func(p *web.Point) string { return seconds(p.P95) })},
	{"GOOD", 7, func(t *client.Target) string { return good(t.Objective) }},
}

// spared are the columns that make room, the first one first. READY stays.
var spared = []string{"MODE", "REQ/S", "P95", "GOOD"}

func ofPoint(text func(*web.Point) string) func(*client.Target) string {
	return func(t *client.Target) string {
		if t.Point == nil {
			return "-"
		}
		return text(t.Point)
	}
}

// Columns that a name and a reason have at least, where there are as many. The
// reason of what is wrong is worth less room than none.
const (
	leastName   = 8
	leastReason = 20
	leastWrong  = 8
	reasonGap   = 2 // before the reason
)

// targetTable is a header and a row for each target. The reason is left out
// where the width has no room for it, but not while something is wrong: then
// numbers make room. Width 0 has room for everything.
func targetTable(targets []client.Target, now time.Time, width int) []string {
	name, reason := len("TARGET"), 0
	for i := range targets {
		name = max(name, len(targets[i].Name))
		if strings.HasPrefix(why(&targets[i], now), "!") {
			reason = reasonGap + leastReason
		}
	}
	columns := slices.Clone(targetColumns)
	if width > 0 {
		for _, head := range spared {
			if leastName+total(columns)+reason > width {
				columns = slices.DeleteFunc(columns, func(c column) bool { return c.head == head })
			}
		}
		name = max(leastName, min(name, width-total(columns)-reason))
	}
	rows := []string{tableRow("TARGET", "WHY", columns, name, width, leastReason, func(c column) string { return c.head })}
	for i := range targets {
		t, least := &targets[i], leastReason
		words := why(t, now)
		if strings.HasPrefix(words, "!") {
			least = leastWrong
		}
		rows = append(rows, tableRow(t.Name, words, columns, name, width, least, func(c column) string { return c.of(t) }))
	}
	return rows
}

// total is the width of columns with a space before each.
func total(columns []column) int {
	n := 0
	for _, c := range columns {
		n += 1 + max(c.width, -c.width)
	}
	return n
}

func tableRow(name, reason string, columns []column, nameWidth, width, least int, cell func(column) string) string {
	line := fmt.Sprintf("%-*s", nameWidth, fit(name, nameWidth))
	for _, c := range columns {
		line += fmt.Sprintf(" %*s", c.width, cell(c))
	}
	if room := width - utf8.RuneCountInString(line) - reasonGap; width == 0 {
		line += strings.Repeat(" ", reasonGap) + reason
	} else if room >= least {
		line += strings.Repeat(" ", reasonGap) + fit(reason, room)
	}
	return strings.TrimRight(line, " ")
}

// unreachable is why nothing can be read while the engine does not answer; "":
// it does.
func unreachable(t *client.Target) string {
	i := slices.IndexFunc(t.Conditions, func(c client.Condition) bool { return c.Type == scale.EngineUnreachable })
	if i < 0 {
		return ""
	}
	return "! " + t.Conditions[i].Type + ": " + oneLine(t.Conditions[i].Message)
}
