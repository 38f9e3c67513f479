package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/scale"
)

// decisionJournal is the log of decisions of one target.
type decisionJournal struct {
	client       *client.Client
	name, filter string
}

var _ journal = (*decisionJournal)(nil)

func (j *decisionJournal) target() string { return j.name }

func (j *decisionJournal) inOrder() bool { return true }

func (j *decisionJournal) header() string {
	return fmt.Sprintf("%-19s  %-9s  %9s  %-10s  %5s  %s", "TIME", "MODE", "REPLICAS", "SET BY", "N", "WHY")
}

func (j *decisionJournal) list(ctx context.Context, q client.Query) ([]line, error) {
	q.Filter = j.filter
	return pages(q.Limit, func(before int64, limit int) ([]line, client.Page, error) {
		q.Before, q.Limit = before, limit
		decisions, raw, page, err := j.client.Decisions(ctx, j.name, q)
		lines := make([]line, len(decisions))
		for i := range decisions {
			lines[i] = j.line(&decisions[i], raw[i])
		}
		return lines, page, err
	})
}

func (j *decisionJournal) read(m client.Message) (line, bool, error) {
	if m.Kind != client.DecisionMessage || m.Target != j.name {
		return line{}, false, nil
	}
	var d client.Decision
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return line{}, false, fmt.Errorf("read a decision: %w", err)
	}
	switch j.filter {
	case "changes":
		if !d.Changes() {
			return line{}, false, nil
		}
	case "held":
		if !d.Held() {
			return line{}, false, nil
		}
	}
	return j.line(&d, m.Data), true, nil
}

func (j *decisionJournal) line(d *client.Decision, raw json.RawMessage) line {
	counts := fmt.Sprint(d.To)
	if d.Changes() {
		counts = fmt.Sprintf("%d → %d", d.From, d.To)
	}
	why := oneLine(words(d.Reason))
	if d.Applied != nil && d.Applied.Error != "" {
		why += "; failed: " + oneLine(d.Applied.Error)
	} else if d.Mode != scale.Apply && d.Changes() {
		why += "; not applied"
	}
	text := fmt.Sprintf("%-19s  %-9s  %9s  %-10s  %5d  %s", stamp(d.At.Time), d.Mode, counts, d.SetBy, max(1, d.Count), why)
	return line{target: j.name, id: d.ID, at: d.At.Time, text: text, raw: raw}
}

// eventJournal is the log of events of one target or of all.
type eventJournal struct {
	client *client.Client
	name   string
}

var _ journal = (*eventJournal)(nil)

func (j *eventJournal) target() string { return j.name }

func (j *eventJournal) inOrder() bool { return false }

func (j *eventJournal) header() string {
	return fmt.Sprintf("%-19s  %-18s  %-18s  %s", "TIME", "TARGET", "EVENT", "WHAT")
}

func (j *eventJournal) list(ctx context.Context, q client.Query) ([]line, error) {
	return pages(q.Limit, func(before int64, limit int) ([]line, client.Page, error) {
		q.Before, q.Limit = before, limit
		events, raw, page, err := j.client.Events(ctx, j.name, q)
		lines := make([]line, len(events))
		for i := range events {
			lines[i] = j.line(&events[i], raw[i])
		}
		return lines, page, err
	})
}

func (j *eventJournal) read(m client.Message) (line, bool, error) {
	if m.Kind != client.EventMessage || (j.name != "" && m.Target != j.name) {
		return line{}, false, nil
	}
	var e client.Event
	if err := json.Unmarshal(m.Data, &e); err != nil {
		return line{}, false, fmt.Errorf("read an event: %w", err)
	}
	return j.line(&e, m.Data), true, nil
}

func (j *eventJournal) line(e *client.Event, raw json.RawMessage) line {
	target, what := e.Target, oneLine(e.Message)
	if target == "" {
		target = "-"
	}
	if e.By != "" {
		what += " (by " + oneLine(e.By) + ")"
	}
	text := fmt.Sprintf("%-19s  %-18s  %-18s  %s", stamp(e.At.Time), target, e.Type, what)
	return line{target: e.Target, id: e.ID, at: e.At.Time, text: text, raw: raw}
}
