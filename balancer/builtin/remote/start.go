package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/flyball-io/flyball/balancer/builtin"
)

// Program is what is started as a proxy process.
type Program struct {
	// Executable is its path; empty is the running program.
	Executable string
	// Args make it call Serve with Socket, for example proxy --socket PATH.
	Args []string
	// LogFile receives what it writes; empty discards it.
	LogFile string
}

// Start starts a proxy process that outlives this one and returns once it
// serves. The error says why it does not; then nothing is left of it.
func Start(ctx context.Context, p Program, cfg builtin.Config) error {
	log, err := p.log()
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	defer log.Close()
	raw, err := json.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	if err := launch(ctx, p, log, state{Config: raw}, nil); err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	return nil
}

func (p Program) log() (*os.File, error) {
	if p.LogFile == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	return os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// launch starts a process with state and named files and waits until it
// reports that it serves.
func launch(ctx context.Context, p Program, log *os.File, s state, files []*os.File) error {
	executable, err := p.executable()
	if err != nil {
		return err
	}
	ready, report, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	cmd := exec.Command(executable, p.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	s.Files = append(s.Files, "ready")
	err = s.startWith(cmd, append(files, report))
	report.Close()
	if err != nil {
		return err
	}
	// Nobody waits for this goroutine: it ends with the process, which
	// outlives us, and takes its exit status if it ends before.
	go func() { _ = cmd.Wait() }()
	if err := awaitReady(ctx, ready); err != nil {
		_ = cmd.Process.Kill() // it has ended, or must
		return err
	}
	return nil
}

// startWith starts a process that reads s and inherits files, which s names.
func (s state) startWith(cmd *exec.Cmd, files []*os.File) error {
	detach(cmd)
	var err error
	if s.Handles, err = pass(cmd, files); err != nil {
		return fmt.Errorf("pass files: %w", err)
	}
	input, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cmd.Stdin = bytes.NewReader(input)
	return cmd.Start()
}

func (p Program) executable() (string, error) {
	if p.Executable != "" {
		return p.Executable, nil
	}
	return os.Executable()
}

// awaitReady reads the report of a process that was started.
func awaitReady(ctx context.Context, ready *os.File) error {
	stop := context.AfterFunc(ctx, func() { ready.Close() })
	defer stop()
	text, err := io.ReadAll(ready)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("it did not report: %w", ctx.Err())
	case err != nil:
		return err
	case string(text) == started:
		return nil
	case len(text) == 0:
		return errors.New("it ended without a report")
	default:
		return errors.New(string(text))
	}
}
