package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kinds of messages on the stream.
const (
	DecisionMessage = "decision"
	EventMessage    = "event"
	PointMessage    = "point"
	ResetMessage    = "reset" // some were missed: ask again for everything
)

// Message is one thing that happened.
type Message struct {
	ID     string // "" when it cannot be resumed from
	Kind   string
	Target string
	Data   json.RawMessage
}

// silence is how long a stream may say nothing; the server sends a comment
// every 10 s.
const silence = 35 * time.Second

// errSilent ends a stream that has died without a word.
var errSilent = errors.New("the stream fell silent")

// longestLine bounds one line of the stream.
const longestLine = 4 << 20

// Stream calls each message with what happens after the message with the ID
// after (empty: from now on), of one target or, with an empty one, of all. It
// returns nil when the server ended the stream, or why it broke.
func (c *Client) Stream(ctx context.Context, target, after string, each func(Message) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	query, header := url.Values{}, map[string]string{"Accept": "text/event-stream"}
	if target != "" {
		query.Set("target", target)
	}
	if after != "" {
		header["Last-Event-ID"] = after
	}
	watchdog := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watchdog.Stop()
	response, err := c.send(ctx, http.MethodGet, "/api/v1/stream", query, nil, header)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, longestLine)
	var m Message
	for lines.Scan() {
		watchdog.Reset(silence)
		if ready, err := m.take(lines.Text()); err != nil {
			return err
		} else if !ready {
			continue
		}
		if err := each(m); err != nil {
			return err
		}
		m = Message{}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lines.Err()
}

// take reads one line; it is true at the end of a message that says anything.
func (m *Message) take(line string) (bool, error) {
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch {
	case line == "":
		if m.Kind != "" {
			return true, nil
		}
		*m = Message{}
	case field == "id":
		m.ID = value
	case field == "event":
		m.Kind = value
	case field == "data":
		var payload struct {
			Target string          `json:"target"`
			Data   json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(value), &payload); err != nil {
			return false, fmt.Errorf("the stream is none of Flyball's: %w", err)
		}
		m.Target, m.Data = payload.Target, payload.Data
	}
	return false, nil
}
