package gym

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/rl"
)

// Opening is the first frame of a client.
type Opening struct {
	Version     int             `json:"version"`
	Environment string          `json:"environment,omitempty"`
	Copies      int             `json:"copies"`
	Seed        uint64          `json:"seed"`
	Options     json.RawMessage `json:"options,omitempty"`
}

// Welcome is the answer to it.
type Welcome struct {
	Version      int      `json:"version"`
	Environment  string   `json:"environment"`
	Description  string   `json:"description"`
	Copies       int      `json:"copies"`
	Width        int      `json:"width"`
	Actions      int      `json:"actions"`
	Observations []string `json:"observationNames,omitempty"`
	ActionNames  []string `json:"actionNames,omitempty"`
	// Low and High are left out where nothing bounds an observation.
	Low  *float32 `json:"low,omitempty"`
	High *float32 `json:"high,omitempty"`
	// Model is what a policy's file must say of itself, so that it is read as one
	// that was learned here.
	Model json.RawMessage `json:"model,omitempty"`
	// MostRounds is how many rounds of actions one frame may hold.
	MostRounds int `json:"mostRounds"`
}

// fault is what a refusal says.
type fault struct {
	Error string `json:"error"`
}

const (
	// introduction is how long somebody who has connected may take to say what is
	// wanted; patience how long a step may take to be taken. A learner thinks as
	// long as it likes between two of them.
	introduction = 10 * time.Second
	patience     = time.Minute
)

// session is one connection and its environment.
type session struct {
	conn net.Conn
	opts *Options
	r    *bufio.Reader
	w    *bufio.Writer

	about   *Environment
	open    Opening
	env     rl.Environment
	step    *rl.Step
	begun   bool // there was a reset
	actions []int
	in, out []byte
}

func newSession(conn net.Conn, o *Options) *session {
	return &session{conn: conn, opts: o, r: bufio.NewReaderSize(conn, 1<<16), w: bufio.NewWriterSize(conn, 1<<16)}
}

// errGone says that nothing more can be said to the other side.
var errGone = errors.New("connection ended")

// run serves the connection until it ends. What is wrong with a frame is said,
// and nothing is done; after one that cannot be one the connection ends.
func (s *session) run(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			s.opts.Log.Error("an environment panicked", slog.Any("cause", cause))
			_ = s.refuse(fmt.Errorf("the environment failed: %v", cause))
		}
	}()
	if err := s.introduce(ctx); err != nil {
		_ = s.refuse(err)
		return
	}
	for {
		kind, payload, err := readFrame(s.r, s.in, max(8, min(mostPayload, 4*s.env.Copies()*s.rounds())))
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				_ = s.refuse(err)
			}
			return
		}
		s.in = payload
		if err := s.do(ctx, kind, payload); err != nil {
			return
		}
	}
}

// refuse says what is wrong.
func (s *session) refuse(err error) error {
	_ = s.conn.SetWriteDeadline(clock.System.Now().Add(patience))
	if writeJSON(s.w, kindError, fault{err.Error()}) != nil {
		return errGone
	}
	return nil
}

// introduce takes the first frame and makes the environment.
func (s *session) introduce(ctx context.Context) error {
	_ = s.conn.SetReadDeadline(clock.System.Now().Add(introduction))
	kind, payload, err := readFrame(s.r, nil, mostOpening)
	if err != nil {
		return err
	}
	if kind != kindOpen {
		return fmt.Errorf("the first frame must be of kind %q, got %q", kindOpen, kind)
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s.open); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if s.open.Version != Version {
		return fmt.Errorf("version: must be %d, got %d", Version, s.open.Version)
	}
	if s.open.Copies < 1 || s.open.Copies > s.opts.MostCopies {
		return fmt.Errorf("copies: must be 1 to %d, the --max-copies of this flyball gym, got %d", s.opts.MostCopies, s.open.Copies)
	}
	if s.about, err = s.opts.find(s.open.Environment); err != nil {
		return err
	}
	if err := s.fits(ctx); err != nil {
		return err
	}
	if err := s.make(ctx, s.open.Seed); err != nil {
		return err
	}
	s.opts.Log.Info("environment opened", slog.String("environment", s.about.Name), slog.Int("copies", s.open.Copies), slog.Uint64("seed", s.open.Seed))
	return s.welcome()
}

// fits refuses more copies than one frame of answers holds, before they are made.
func (s *session) fits(ctx context.Context) error {
	one, err := s.about.Make(ctx, 1, s.open.Seed, s.open.Options)
	if err != nil {
		return fmt.Errorf("%s: %w", s.about.Name, err)
	}
	if most := mostPayload / stepBytes(one); s.open.Copies > most {
		return fmt.Errorf("copies: must be 1 to %d: a step of more does not fit into a frame of %d MiB, got %d", most, mostPayload>>20, s.open.Copies)
	}
	return nil
}

// make makes the environment from a seed.
func (s *session) make(ctx context.Context, seed uint64) (err error) {
	if s.env, err = s.about.Make(ctx, s.open.Copies, seed, s.open.Options); err != nil {
		return fmt.Errorf("%s: %w", s.about.Name, err)
	}
	s.step, s.actions = rl.NewStep(s.env), make([]int, s.env.Copies())
	return nil
}

// rounds is how many fit into one frame of answers.
func (s *session) rounds() int { return max(1, min(10_000, mostPayload/stepBytes(s.env))) }

func (s *session) welcome() error {
	w := Welcome{Version: Version, Environment: s.about.Name, Description: s.about.Description, Copies: s.env.Copies(), Width: s.env.Width(),
		Actions: s.env.Actions(), Observations: s.about.Observations, ActionNames: s.about.Actions, MostRounds: s.rounds()}
	if s.about.Low != 0 || s.about.High != 0 {
		w.Low, w.High = &s.about.Low, &s.about.High
	}
	if s.about.Model != nil {
		var err error
		if w.Model, err = json.Marshal(s.about.Model); err != nil {
			return fmt.Errorf("%s: %w", s.about.Name, err)
		}
	}
	return writeJSON(s.w, kindWelcome, w)
}

// do does what a frame asks for; its error ends the session.
func (s *session) do(ctx context.Context, kind byte, payload []byte) error {
	s.out = s.out[:0]
	var err error
	switch kind {
	case kindReset:
		err = s.reset(ctx, payload)
	case kindAct:
		err = s.act(payload)
	default:
		_ = s.refuse(fmt.Errorf("a frame must be of kind %q or %q, got %q", kindReset, kindAct, kind))
		return errGone
	}
	if err != nil {
		return s.refuse(err)
	}
	_ = s.conn.SetWriteDeadline(clock.System.Now().Add(patience))
	return writeFrame(s.w, kindStep, s.out)
}

// reset begins every copy anew, from a seed where one is given.
func (s *session) reset(ctx context.Context, payload []byte) error {
	switch len(payload) {
	case 0:
	case 8:
		if err := s.make(ctx, binary.LittleEndian.Uint64(payload)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("reset: must hold nothing or a seed of 8 bytes, got %d bytes", len(payload))
	}
	s.env.Reset(s.step)
	for i := range s.step.Rewards {
		s.step.Rewards[i], s.step.Terminated[i], s.step.Truncated[i] = 0, false, false
	}
	s.begun = true
	s.out = appendStep(s.out, s.step)
	return nil
}

// act takes actions, one round after the other. All are looked at before the
// first is taken.
func (s *session) act(payload []byte) error {
	round := 4 * s.env.Copies()
	switch {
	case !s.begun:
		return errors.New("act: there must be a reset first")
	case len(payload) == 0 || len(payload)%round != 0:
		return fmt.Errorf("act: must hold an int32 for each of %d copies, for one round or more: got %d bytes", s.env.Copies(), len(payload))
	case len(payload)/round > s.rounds():
		return fmt.Errorf("act: at most %d rounds in a frame, got %d", s.rounds(), len(payload)/round)
	}
	for i := 0; i < len(payload); i += 4 {
		if a := int32(binary.LittleEndian.Uint32(payload[i:])); a < 0 || int(a) >= s.env.Actions() {
			return fmt.Errorf("act: copy %d: must be 0 to %d, got %d", i/4%s.env.Copies(), s.env.Actions()-1, a)
		}
	}
	for ; len(payload) > 0; payload = payload[round:] {
		for i := range s.actions {
			s.actions[i] = int(binary.LittleEndian.Uint32(payload[4*i:]))
		}
		s.env.Act(s.actions, s.step)
		s.out = appendStep(s.out, s.step)
	}
	return nil
}
