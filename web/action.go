package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// Limits of what an operator may say.
const (
	maxBy       = 100 // characters
	maxReason   = 500
	actTime     = 15 * time.Second // for an action to take effect
	userHeader  = "X-Flyball-User"
	unknownUser = "unknown"
)

// ModeRequest is the body of PUT …/mode.
type ModeRequest struct {
	Mode   scale.Mode `json:"mode" jsonschema:"enum=Apply,enum=Recommend,enum=Paused"`
	Until  *time.Time `json:"until,omitempty" jsonschema:"nullable"` // only with Paused
	Reason string     `json:"reason,omitempty" jsonschema:"maxLength=500"`
}

// ModeAnswer is the target as it then is.
type ModeAnswer struct {
	Target TargetView `json:"target"`
}

func (m *ModeRequest) check(now time.Time) error {
	var errs []error
	switch m.Mode {
	case scale.Apply, scale.Recommend, scale.Paused:
	default:
		errs = append(errs, fmt.Errorf("mode: %q: must be one of Apply, Recommend, Paused", m.Mode))
	}
	if m.Until != nil && m.Mode != scale.Paused {
		errs = append(errs, errors.New("until: only a pause ends by itself: leave it out or set mode to Paused"))
	}
	if m.Until != nil && (!m.Until.After(now) || m.Until.Year() > 9999) {
		errs = append(errs, fmt.Errorf("until: must be a time after now (%s), got %s", now.UTC().Format(time.RFC3339), m.Until.Format(time.RFC3339)))
	}
	if err := printable("reason", m.Reason, maxReason); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// printable refuses what could break a line of a log or hide in one.
func printable(field, text string, most int) error {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%s: must be at most %d printable characters", field, most)
	}
	return nil
}

func (s *Server) serveSetMode(w http.ResponseWriter, r *http.Request) {
	var body ModeRequest
	now := s.opts.Clock.Now()
	if !s.mayAct(w) {
		return
	}
	if status, err := s.decodeBody(w, r, &body); err != nil {
		refuse(w, status, "%v", err)
		return
	}
	if err := body.check(now); err != nil {
		refuse(w, http.StatusBadRequest, "%s", oneLine(err))
		return
	}
	s.act(w, r, func(ctx context.Context, name, by string) error {
		return s.opts.Actions.SetMode(ctx, name, Override{Mode: body.Mode, Until: body.Until, By: by, At: now, Reason: body.Reason})
	})
}

func (s *Server) serveClearMode(w http.ResponseWriter, r *http.Request) {
	if !s.mayAct(w) {
		return
	}
	s.act(w, r, s.opts.Actions.ClearMode)
}

func (s *Server) mayAct(w http.ResponseWriter) bool {
	if s.opts.Actions == nil {
		refuse(w, http.StatusMethodNotAllowed, "this instance only shows: nothing can be changed through it")
	}
	return s.opts.Actions != nil
}

// act does what an operator asked for and answers with the target as it then
// is.
func (s *Server) act(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, target, by string) error) {
	name := r.PathValue("name")
	if !s.known(name) {
		s.refuseTarget(w, name)
		return
	}
	by, err := actor(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	if err := do(ctx, name, by); err != nil {
		s.refuseAction(w, name, err)
		return
	}
	s.log.Info("set by hand", slog.String("target", name), slog.String("method", r.Method), slog.String("by", by))
	now := s.opts.Clock.Now()
	s.withTarget(w, r, func(h *history) any {
		view := h.view(now)
		view.Replicas = append([]ReplicaView{}, h.replicas...)
		return ModeAnswer{view}
	})
}

func (s *Server) refuseAction(w http.ResponseWriter, name string, err error) {
	switch {
	case errors.Is(err, ErrUnknownTarget):
		s.refuseTarget(w, name)
	case errors.Is(err, record.ErrFull), errors.Is(err, context.DeadlineExceeded):
		refuse(w, http.StatusServiceUnavailable, "nothing was changed: %v", err)
	default:
		s.log.Error("cannot do what was asked for", slog.String("target", name), slog.Any("error", err))
		refuse(w, http.StatusInternalServerError, "not done: %v", err)
	}
}

// actor says who acts: the name of the token, which is proven, and what the
// client says of itself, which is not.
func actor(r *http.Request) (string, error) {
	claim := strings.TrimSpace(r.Header.Get(userHeader))
	if err := printable(userHeader, claim, maxBy); err != nil {
		return "", err
	}
	token, proven := r.Context().Value(holderKey{}).(Token)
	holder := token.Name
	switch {
	case !proven && claim == "":
		return unknownUser, nil
	case !proven:
		return claim, nil
	case claim == "":
		return holder, nil
	}
	by := []rune(holder + " (" + claim + ")")
	return string(by[:min(len(by), maxBy)]), nil
}

// decodeBody reads a small JSON object without mercy.
func (s *Server) decodeBody(w http.ResponseWriter, r *http.Request, into any) (status int, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusUnsupportedMediaType, errors.New("Content-Type: must be application/json") //nolint:staticcheck // the name of a header
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return bodyFault(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return http.StatusBadRequest, errors.New("body: must be one JSON object and nothing after it")
	}
	bodyArrived(w)
	return 0, nil
}

func bodyFault(err error) (int, error) {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("body: at most %d bytes", tooLarge.Limit)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("is empty")
	}
	return http.StatusBadRequest, fmt.Errorf("body: must be a JSON object such as {\"mode\": \"Paused\", \"until\": \"2026-01-31T14:00:00Z\", \"reason\": \"…\"}: %w", err)
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
