package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/web"
)

// Overview is every target at one instant.
type Overview struct {
	Now Time `json:"now"`
	// Simulation is not nil where all of it is simulated.
	Simulation *web.Simulation `json:"simulation"`
	Version    string          `json:"version"`
	LastID     string          `json:"lastEventId"` // a stream that starts after it misses nothing
	Targets    []Target        `json:"targets"`
}

// Targets lists every target, without its replicas.
func (c *Client) Targets(ctx context.Context) (Overview, error) {
	var o Overview
	err := c.get(ctx, "/api/v1/targets", nil, &o)
	if err == nil && o.LastID == "" { // Prometheus has such a page too
		return Overview{}, misunderstood("%s answers, but is no Flyball (--server)", c.Server())
	}
	return o, err
}

// Detail is one target at one instant.
type Detail struct {
	Now        Time            `json:"now"`
	Simulation *web.Simulation `json:"simulation"`
	LastID     string          `json:"lastEventId"`
	Target     Target          `json:"target"`
}

// Target describes one target with its replicas.
func (c *Client) Target(ctx context.Context, name string) (Detail, error) {
	var d Detail
	err := c.get(ctx, targetPath(name), nil, &d)
	return d, err
}

// Named is the name that the API has for a target as somebody types it. An
// Autoscaler of a cluster may be called namespace/name, as kubectl has it; names
// themselves have no slash.
func Named(typed string) string { return strings.Replace(typed, "/", ".", 1) }

func targetPath(name string) string { return "/api/v1/targets/" + url.PathEscape(name) }

// Query chooses decisions or events.
type Query struct {
	From, To time.Time // zero: no bound
	Filter   string    // of decisions: all, changes or held
	Limit    int       // 0: the server's own
	Before   int64     // 0: no bound
}

func (q Query) values() url.Values {
	v := url.Values{}
	for name, t := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Filter != "" {
		v.Set("filter", q.Filter)
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Before > 0 {
		v.Set("before", strconv.FormatInt(q.Before, 10))
	}
	return v
}

// Page says where a listing goes on.
type Page struct {
	// NextBefore is [Query.Before] of the next page; missing from an older
	// server, null or missing at the end.
	NextBefore json.RawMessage `json:"nextBefore"`
}

// Next is [Query.Before] of the page after one of n entries, of which size
// were asked for and whose last has the ID last; 0 when there is none. A page
// may be short though there are more: the server bounds what it reads for one.
// Where it does not say, a full page has another one.
func (p Page) Next(n, size int, last int64) (int64, error) {
	var next *int64
	if p.NextBefore != nil {
		if err := json.Unmarshal(p.NextBefore, &next); err != nil {
			return 0, fmt.Errorf("nextBefore: %w", err)
		}
	}
	switch {
	case next != nil:
		return *next, nil
	case p.NextBefore != nil, n == 0, n < size:
		return 0, nil
	}
	return last, nil
}

// Decisions lists decisions of a target, newest first; raw holds each as it
// came.
func (c *Client) Decisions(ctx context.Context, target string, q Query) (decisions []Decision, raw []json.RawMessage, page Page, err error) {
	var body struct {
		Decisions []json.RawMessage `json:"decisions"`
		Page
	}
	if err := c.get(ctx, targetPath(target)+"/decisions", q.values(), &body); err != nil {
		return nil, nil, page, err
	}
	decisions, err = decodeAll[Decision](body.Decisions)
	return decisions, body.Decisions, body.Page, err
}

// Decision is one decision with its whole trail and what it was made on.
func (c *Client) Decision(ctx context.Context, target string, id int64) (Decision, error) {
	var body struct {
		Decision Decision `json:"decision"`
		Previous int64    `json:"previous"`
		Next     int64    `json:"next"`
	}
	err := c.get(ctx, targetPath(target)+"/decisions/"+strconv.FormatInt(id, 10), nil, &body)
	d := body.Decision
	d.Previous, d.Next = body.Previous, body.Next
	return d, err
}

// Events lists what happened beside decisions, newest first; an empty target
// asks for all.
func (c *Client) Events(ctx context.Context, target string, q Query) (events []Event, raw []json.RawMessage, page Page, err error) {
	query := q.values()
	if target != "" {
		query.Set("target", target)
	}
	var body struct {
		Events []json.RawMessage `json:"events"`
		Page
	}
	if err := c.get(ctx, "/api/v1/events", query, &body); err != nil {
		return nil, nil, page, err
	}
	events, err = decodeAll[Event](body.Events)
	return events, body.Events, body.Page, err
}

func decodeAll[T any](raw []json.RawMessage) ([]T, error) {
	all := make([]T, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// SetMode sets the mode of a target by hand and returns the target as it then
// is.
func (c *Client) SetMode(ctx context.Context, target string, m SetMode) (Target, error) {
	var d Detail
	err := c.act(ctx, http.MethodPut, target, m, &d)
	return d.Target, err
}

// ClearMode gives a target the mode that its document states.
func (c *Client) ClearMode(ctx context.Context, target string) (Target, error) {
	var d Detail
	err := c.act(ctx, http.MethodDelete, target, nil, &d)
	return d.Target, err
}

func (c *Client) act(ctx context.Context, method, target string, in any, out *Detail) error {
	return c.call(ctx, method, targetPath(target)+"/mode", nil, in, out)
}
