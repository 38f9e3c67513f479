// Package scenario tells stories of scaling in plain text and plays them
// through the real thing: a document, its loader, its policy and guards. A
// file holds what is seen and, behind =>, what is decided; the whole
// trajectory is asserted, not single points.
//
//	# Twice the load: more replicas at once, fewer only after five minutes.
//	replicas: {min: 1, max: 10}
//	policy: {hpa: {cpuUtilization: 50}}
//	---
//	startup 20s
//	0s          replicas=3 cpuUtilization=1.5/ready  => 3 (policy: WithinTolerance)
//	15s         cpuUtilization=3/ready               => 6 (policy: Target)
//	30s..1m     cpuUtilization=3/ready               => 6x3 (policy: WithinTolerance)
//
// Above the line --- stands the spec of an Autoscaler document; without a
// target it scales a process. Below it stand settings, then the timeline.
//
// Settings: "start 2026-03-02T08:00:00Z" is the time of 0s (a Monday at
// midnight UTC when left out), "startup 20s" how long replicas take from start
// to ready (0s when left out).
//
// A line of the timeline begins with an instant or a range of instants, one
// sync apart unless it says "every 30s". At each instant one decision is made;
// nothing is decided in between, so a gap is a controller that was off. Times
// may have units as 1m30s, and only grow. Then follow, in any order:
//
//	replicas=3                 somebody sets the count by hand; these are ready at once
//	requestRate=120            a signal is measured, from here on every second
//	requestRate=100->200       it changes evenly over the range
//	cpuUtilization=3/ready     a load of 3 is spread over the ready replicas
//	latency=250ms, x=95%       values may have units
//	x=stale|absent|implausible the signal is in doubt until it has a value again
//	unready=2                  the 2 newest ready replicas have too much to do, until unready=0
//	sick=1                     the newest replica fails and is started again and again, until sick=0
//	badimage                   replicas started from here on fail, until badimage=off
//	crashloop, rollout         the target says so, until crashloop=off, rollout=off
//	pause, pause=5m, recommend the mode is this one (until the time 5m), until apply
//	advice=12, advice=failed   whom the policy has asked answers so on what is seen now
//	fail                       orders of this line cannot be carried out
//
// Signals and events last until the next line that mentions them; fail is for
// its line alone. Orders are carried out at once.
//
// Behind => stand the decisions of the line in order, as
// "COUNT (RULE: REASON)", equal ones together as 6x3. An order that was not
// carried out is "6 not applied", and what lasts about a guard is named after
// an exclamation mark: "2 (budget: BudgetReached) !BudgetReached". Where the
// text ends with quoted words, they are those of the last decision's reason.
//
// "go test ./test/scenario -update" writes what is decided into the files.
package scenario

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/scale"
)

// Scenario is one file.
type Scenario struct {
	// Spec is the YAML above the line.
	Spec    string
	Start   time.Time
	Startup time.Duration
	Lines   []Line

	text []string // the whole file
	doc  *v1alpha1.Document
}

// Line is one line of the timeline.
type Line struct {
	From, To time.Duration
	Every    time.Duration // 0: the sync of the spec
	Words    []Word
	Want     string // behind =>
	number   int    // of the line in the file, from 0
}

// Word is one thing that is seen.
type Word struct{ Name, Value string }

const arrow = "=>"

// Parse reads a scenario. Faults name their line.
func Parse(text string) (*Scenario, error) {
	s := &Scenario{Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), text: strings.Split(text, "\n")}
	spec, timeline := 0, false
	var errs []error
	last := time.Duration(-1)
	for i, line := range s.text {
		switch trimmed := strings.TrimSpace(line); {
		case !timeline:
			if timeline = trimmed == "---"; timeline {
				spec = i
			}
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		default:
			if err := s.read(trimmed, i, &last); err != nil {
				errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
			}
		}
	}
	if !timeline {
		errs = append(errs, errors.New("no line --- between spec and timeline"))
	}
	s.Spec = strings.Join(s.text[:spec], "\n")
	return s, errors.Join(errs...)
}

// read takes one setting or one line of the timeline that begins after last.
func (s *Scenario) read(text string, number int, last *time.Duration) error {
	if setting, err := s.setting(text); setting {
		return err
	}
	head, want, _ := strings.Cut(text, arrow)
	fields := strings.Fields(head)
	if len(fields) == 0 {
		return errors.New("no time before =>")
	}
	l := Line{Want: strings.Join(strings.Fields(want), " "), number: number}
	var err error
	if l.From, l.To, err = instants(fields[0]); err != nil {
		return err
	}
	if l.From <= *last || l.To < l.From {
		return fmt.Errorf("%s: times must grow", fields[0])
	}
	*last = l.To
	rest := fields[1:]
	for i := 0; i < len(rest); i++ {
		if rest[i] == "every" && i+1 < len(rest) {
			every, err := scale.ParseDuration(rest[i+1])
			if err != nil || every <= 0 {
				return fmt.Errorf("every %s: must be a duration above 0", rest[i+1])
			}
			l.Every, i = every.Std(), i+1
			continue
		}
		name, value, _ := strings.Cut(rest[i], "=")
		l.Words = append(l.Words, Word{name, value})
	}
	s.Lines = append(s.Lines, l)
	return nil
}

// setting reads what stands before the first line of the timeline.
func (s *Scenario) setting(text string) (bool, error) {
	name, value, _ := strings.Cut(text, " ")
	var err error
	switch name {
	case "start":
		s.Start, err = time.Parse(time.RFC3339, strings.TrimSpace(value))
	case "startup":
		var d scale.Duration
		d, err = scale.ParseDuration(strings.TrimSpace(value))
		s.Startup = d.Std()
	default:
		return false, nil
	}
	if len(s.Lines) > 0 {
		err = fmt.Errorf("%s: stands before the timeline", name)
	}
	return true, err
}

// instants reads "15s" and "15s..2m".
func instants(text string) (from, to time.Duration, err error) {
	first, second, isRange := strings.Cut(text, "..")
	a, err := scale.ParseDuration(first)
	if err != nil || !isRange {
		return a.Std(), a.Std(), err
	}
	b, err := scale.ParseDuration(second)
	return a.Std(), b.Std(), err
}

// Rewrite returns the text of the file with other words behind each =>, one
// for each line of the timeline.
func (s *Scenario) Rewrite(got []string) string {
	text := append([]string(nil), s.text...)
	for i, l := range s.Lines {
		head, _, _ := strings.Cut(text[l.number], arrow)
		if strings.TrimRight(head, " \t") == head {
			head += " "
		}
		text[l.number] = head + arrow + " " + got[i]
	}
	return strings.Join(text, "\n")
}
