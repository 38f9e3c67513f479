package docker

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// ExitError says that a program in a container ended with a status other than 0.
type ExitError struct{ Code int }

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// Exec runs a program in a container that runs, with what it reads and what it
// says, until it ends. Once ctx is done nobody listens to it any more.
func (c *Client) Exec(ctx context.Context, id string, command []string, in io.Reader, out io.Writer) error {
	made, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ExecCreateResult, error) {
		return c.api.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: command, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	})
	if err != nil {
		return err
	}
	attached, err := c.api.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return named(err)
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	go func() {
		_, _ = io.Copy(attached.Conn, in)
		_ = attached.CloseWrite()
	}()
	if _, err := stdcopy.StdCopy(out, out, attached.Reader); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return lost(err)
	}
	ended, err := ask(ctx, askTimeout, func(ctx context.Context) (client.ExecInspectResult, error) {
		return c.api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	})
	if err != nil {
		return err
	}
	if ended.ExitCode != 0 {
		return ExitError{Code: ended.ExitCode}
	}
	return nil
}
