package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// topView is what top shows. It is a plain value: lines is a function of it,
// the size of the window and the time.
type topView struct {
	server   string
	color    bool
	overview client.Overview
	selected string
	open     string   // the target shown alone; "": all
	detail   []string // of the open target
	scroll   int
	help     bool
	lost     bool // the instance does not answer
	note     string
	question *question
}

// keepSelection selects something that is there.
func (v *topView) keepSelection() {
	if v.index() < 0 && len(v.overview.Targets) > 0 {
		v.selected = v.overview.Targets[0].Name
	}
}

func (v *topView) index() int {
	for i := range v.overview.Targets {
		if v.overview.Targets[i].Name == v.selected {
			return i
		}
	}
	return -1
}

// current is the target that keys act on.
func (v *topView) current() *client.Target {
	if v.open != "" {
		v.selected = v.open
	}
	if i := v.index(); i >= 0 {
		return &v.overview.Targets[i]
	}
	return nil
}

// back leaves help or the open target; false when there is nothing to leave.
func (v *topView) back() bool {
	switch {
	case v.help:
		v.help = false
	case v.open != "":
		v.selected, v.open = v.open, ""
	default:
		return false
	}
	return true
}

func (v *topView) move(by int) {
	if v.open != "" {
		v.scroll = max(0, min(v.scroll+by, len(v.detail)-1))
		return
	}
	if i := v.index() + by; i >= 0 && i < len(v.overview.Targets) {
		v.selected = v.overview.Targets[i].Name
	}
}

// lines fills a window of the given size.
//
//	flyball top  http://127.0.0.1:7070           14:03:15
//	  TARGET   MODE   …
//	> shop-web Apply  …
//
//	shop-web grew from 3 to 4 replicas (2.1s ago), because …
//	j k move  enter opens  p pause  q quit  ? help
func (v *topView) lines(width, height int, now time.Time) []string {
	head := v.header(width, now)
	foot := v.footer(width)
	room := max(0, height-1-len(foot))
	var body []string
	switch {
	case v.help:
		body = helpLines()
	case v.open != "":
		body = v.unfolded(width)
	default:
		body = v.table(width, room)
	}
	for i := range body {
		body[i] = fit(body[i], width)
	}
	body = body[:min(len(body), room)]
	out := append([]string{head}, body...)
	for len(out) < height-len(foot) {
		out = append(out, "")
	}
	return append(out, foot...)
}

// unfolded is the open target from where it is scrolled to. Sentences are
// wrapped, tables are not.
func (v *topView) unfolded(width int) []string {
	var all []string
	for _, line := range v.detail {
		if line == "" || line[0] == ' ' {
			all = append(all, line)
			continue
		}
		all = append(all, wrap(line, width, 4)...)
	}
	return all[min(v.scroll, max(0, len(all)-1)):]
}

func (v *topView) header(width int, now time.Time) string {
	left, right := "flyball top  "+v.server, now.Local().Format(time.TimeOnly)
	if simulated := v.overview.Simulation; simulated != nil {
		right = fmt.Sprintf("simulated, time × %v  %s", simulated.Speed, v.overview.Now.Local().Format(time.TimeOnly))
	}
	if v.open != "" {
		left = "flyball top  " + v.open
	}
	if v.overview.Now.IsZero() {
		left = "flyball top  asking " + v.server
	}
	if v.lost {
		left = "NO CONNECTION, trying again  " + v.server
	}
	gap := width - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	if gap < 1 {
		return v.paint(fit(left, width), bold, v.lost)
	}
	return v.paint(left+strings.Repeat(" ", gap)+right, bold, v.lost)
}

// table marks the selected row and says at its foot why it is as it is. Rows
// that do not fit scroll with the selection.
func (v *topView) table(width, room int) []string {
	rows := targetTable(v.overview.Targets, v.overview.Now.Time, width-2)
	at := v.index()
	visible := max(1, room-4)
	first := max(0, min(at-visible+1, len(rows)-1-visible))
	out := []string{v.paint("  "+rows[0], faint, false)}
	for i, row := range rows[1:] {
		if i < first || i >= first+visible {
			continue
		}
		t := &v.overview.Targets[i]
		if i == at {
			out = append(out, v.paint(fit("> "+row, width), reverse, false))
			continue
		}
		out = append(out, v.paint(fit("  "+row, width), plain, troubled(t)))
	}
	if t := v.current(); t != nil {
		out = append(out, "")
		out = append(out, wrap(story(t, v.overview.Now.Time), width, 3)...)
	}
	return out
}

func (v *topView) footer(width int) []string {
	keys := "j k move  enter opens  p pause  q quit  ? help"
	if v.open != "" {
		keys = "j k scroll  p pause  q back  ? help"
	}
	switch {
	case v.question != nil:
		return []string{v.paint(fit(v.question.text, width), bold, false)}
	case v.note != "":
		return []string{v.paint(fit(oneLine(v.note), width), bold, false)}
	}
	return []string{v.paint(fit(keys, width), faint, false)}
}

func helpLines() []string {
	return []string{
		"", "  j k, arrows   move, scroll", "  enter         open the target: why, what was seen, the trail",
		"  p             pause the target, or take back what was set by hand; asks", "  q, esc        back; in the list: end",
		"  ?             this help", "",
		"  READY         replicas that take work / wanted", "  P95           95 % of requests were answered within",
		"  GOOD          share of good requests in the objective's window; ! missed",
	}
}

// detailLines is one target with the trail of its newest decision.
func detailLines(e explanation) []string {
	var b strings.Builder
	e.print(&b, 0)
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if len(e.target.Replicas) == 0 {
		return lines
	}
	lines = append(lines, "", fmt.Sprintf("%-22s  %-11s  %8s  %8s  %8s", "REPLICA", "PHASE", "SINCE", "REQ/S", "P95"))
	for _, r := range e.target.Replicas {
		since := "-"
		if r.Since > 0 {
			since = span(e.now.Sub(time.UnixMilli(int64(r.Since * 1000))))
		}
		lines = append(lines, fmt.Sprintf("%-22s  %-11s  %8s  %8s  %8s", r.ID, r.Phase, since, number(r.Rate, ""), seconds(r.P95)))
	}
	return lines
}

// why is the short reason of a row: troubles first.
func why(t *client.Target, now time.Time) string {
	switch {
	case away(t) != nil:
		f := away(t)
		return "! bus away for " + age(now, sinceOf(f)) + ", all of this is of before: " + oneLine(f.Error)
	case unreachable(t) != "": // what cannot be read has that one reason
		return unreachable(t)
	case len(t.Faults) > 0:
		return "! " + t.Faults[0].From + ": " + oneLine(t.Faults[0].Error)
	case stale(t, now):
		return "! no measurements for " + age(now, t.ReportAt.Time)
	case len(t.Conditions) > 0:
		return "! " + t.Conditions[0].Type + ": " + oneLine(t.Conditions[0].Message)
	case t.Override != nil:
		return "by hand" + holds(t.Override, now)
	case t.Decision == nil:
		return "nothing decided yet"
	}
	return oneLine(words(t.Decision.Reason))
}

// story is the sentence of explain for the newest decision, or the trouble.
func story(t *client.Target, now time.Time) string {
	if len(t.Faults) > 0 || len(t.Conditions) > 0 || stale(t, now) || t.Decision == nil {
		return t.Name + ": " + why(t, now)
	}
	e := explanation{now: now, target: *t, decision: *t.Decision, latest: true}
	return oneLine(e.sentence()) + "."
}

func stale(t *client.Target, now time.Time) bool {
	return !t.ReportAt.IsZero() && now.Sub(t.ReportAt.Time).Seconds() > t.StaleAfter
}

// away is the fault of a bus that cannot be reached; nil: it can.
func away(t *client.Target) *web.FaultView {
	i := slices.IndexFunc(t.Faults, func(f web.FaultView) bool { return f.From == web.BusFault })
	if i < 0 {
		return nil
	}
	return &t.Faults[i]
}

func sinceOf(f *web.FaultView) time.Time { return time.UnixMilli(int64(f.Since * 1000)) }

func troubled(t *client.Target) bool {
	return len(t.Faults) > 0 || len(t.Conditions) > 0 || (t.Objective != nil && !t.Objective.Met)
}

func number(n web.Number, unit string) string {
	if !n.Known() {
		return "-"
	}
	return scale.Number(float64(n)) + unit
}

// seconds writes a latency.
func seconds(n web.Number) string {
	if !n.Known() {
		return "-"
	}
	v := float64(n)
	if v < 1 {
		return scale.Number(v*1000) + "ms"
	}
	return scale.Number(v) + "s"
}

func good(o *web.ObjectiveStatus) string {
	if o == nil || !o.Good.Known() {
		return "-"
	}
	text := fmt.Sprintf("%.2f%%", float64(o.Good)*100)
	if !o.Met {
		return "!" + text
	}
	return text
}

// fit cuts a line to a width.
func fit(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	if width < 1 {
		return ""
	}
	return string([]rune(line)[:width-1]) + "…"
}

// wrap breaks text at spaces into at most so many lines.
func wrap(text string, width, most int) []string {
	out := cli.Wrap(text, max(1, width), 0)
	if len(out) > most {
		out[most-1] = fit(out[most-1]+" "+out[most], width-1) + "…"
		out = out[:most]
	}
	return out
}

// Looks of a line. Without colour nothing is lost: the selection has its
// mark, trouble its exclamation mark.
const (
	plain   = ""
	bold    = "\x1b[1m"
	faint   = "\x1b[2m"
	reverse = "\x1b[7m"
	red     = "\x1b[31m"
)

func (v *topView) paint(line, look string, trouble bool) string {
	if trouble {
		look += red
	}
	if !v.color || look == "" {
		return line
	}
	return look + line + "\x1b[0m"
}
