package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/calls"
)

// callTimeout is how long HAProxy may take to answer a command. It answers
// from memory, within a millisecond.
const callTimeout = 2 * time.Second

// answerLimit is the most that is read of an answer: a line of statistics is
// under 1 kB.
const answerLimit = 16 << 20

// socket is HAProxy's runtime API. Every command takes a connection of its
// own, as HAProxy closes it after the answer.
type socket struct{ address string }

// ask sends a command and returns the answer. It is counted, unless whoever asked
// does not want to know any more.
func (s socket) ask(ctx context.Context, command string) (string, error) {
	answered := calls.Process().Begin(calls.Balancer)
	answer, err := s.exchange(ctx, command)
	if !errors.Is(err, context.Canceled) {
		answered(err, err != nil)
	}
	return answer, err
}

func (s socket) exchange(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	network := "unix"
	if !strings.HasPrefix(s.address, "/") && !strings.HasPrefix(s.address, "@") && strings.Contains(s.address, ":") {
		network = "tcp"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, s.address)
	if err != nil {
		return "", ended(ctx, fmt.Errorf("reach HAProxy: %w", err))
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", ended(ctx, fmt.Errorf("tell HAProxy %q: %w", command, err))
	}
	answer, err := io.ReadAll(io.LimitReader(conn, answerLimit))
	if err != nil {
		return "", ended(ctx, fmt.Errorf("hear HAProxy's answer to %q: %w", command, err))
	}
	return string(answer), nil
}

// ended prefers the end of the context as the reason for an error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

// tell sends a command that is answered with nothing when it is obeyed.
func (s socket) tell(ctx context.Context, command string) error {
	answer, err := s.ask(ctx, command)
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer != "" {
		return fmt.Errorf("HAProxy refuses %q: %s", command, answer)
	}
	return nil
}

// move points a server to another address; HAProxy answers with what changed.
func (s socket) move(ctx context.Context, server, host string, port uint16) error {
	command := fmt.Sprintf("set server %s addr %s port %d", server, host, port)
	answer, err := s.ask(ctx, command)
	if err != nil {
		return err
	}
	if !strings.Contains(answer, "change") {
		return fmt.Errorf("HAProxy refuses %q: %s", command, strings.TrimSpace(answer))
	}
	return nil
}
