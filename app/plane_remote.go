package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flyball-io/flyball/balancer"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/balancer/builtin/remote"
)

var (
	_ balancer.Plane        = (*RemotePlane)(nil)
	_ balancer.Stopper      = (*RemotePlane)(nil)
	_ balancer.Reconfigurer = (*RemotePlane)(nil)
)

// RemotePlane is the built-in balancer as a process of its own: traffic goes
// on when the controller ends.
type RemotePlane struct {
	*remote.Plane
	client *remote.Client
	found  bool // it ran before this controller did
	pid    int  // when it was found or started
}

// answerTimeout is how long a balancer process may take to say who it is.
const answerTimeout = 5 * time.Second

// Socket is where the balancer process of a service is spoken to.
func Socket(stateDir, service string) string { return filepath.Join(stateDir, service+".proxy.sock") }

// OpenRemotePlane finds or starts the balancer process of a service. version
// is this program's: a process of another one is upgraded without cutting
// traffic.
func OpenRemotePlane(ctx context.Context, name string, cfg proxy.Config, deps Deps, version string) (*RemotePlane, error) {
	socket := Socket(deps.StateDir, name)
	if err := remote.CheckSocket(socket); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	p := &RemotePlane{client: remote.NewClient(socket)}
	_, err := p.client.Info(ctx)
	p.found = err == nil
	p.Plane, err = remote.Open(ctx, remote.PlaneOptions{
		Socket: socket, Version: version, Config: cfg, Clock: deps.Clock, Log: deps.Log,
		Program: remote.Program{
			Args:    []string{"proxy", "--socket", socket},
			LogFile: filepath.Join(deps.StateDir, name+".proxy.log"),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("balancer: %w", err)
	}
	info, err := p.client.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("balancer: %w", err)
	}
	p.pid = info.PID
	return p, nil
}

// FindRemotePlane is the balancer process that runs already for a service;
// false when there is none, or its balancer is another program.
func FindRemotePlane(ctx context.Context, s Spec, stateDir string) (balancer.Measured, bool) {
	if s.proxy() == nil {
		return nil, false
	}
	client := remote.NewClient(Socket(stateDir, s.Name))
	_, err := client.Info(ctx)
	return client, err == nil
}

// Reconfigure hands over to a process of the changed configuration without
// cutting traffic.
func (p *RemotePlane) Reconfigure(ctx context.Context, cfg balancer.Config) error {
	own, same := cfg.(*proxy.Config)
	if !same {
		return errors.New("balancer: its kind can only be changed by a restart")
	}
	return p.Plane.Reconfigure(ctx, *own)
}

// Stop ends the process once its requests are answered; it is killed when ctx
// is done before.
func (p *RemotePlane) Stop(ctx context.Context) error {
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	info, err := p.client.Info(asking)
	if err != nil && asking.Err() != nil {
		return kill(p.pid) // it hangs
	}
	if err == nil {
		err = p.client.Shutdown(ctx)
	}
	switch {
	case errors.Is(err, remote.ErrNotRunning):
		return nil
	case ctx.Err() != nil && info.PID > 0:
		return kill(info.PID)
	case err != nil:
		return fmt.Errorf("balancer: %w", err)
	}
	return nil
}

func kill(pid int) error {
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("balancer: kill process %d: %w", pid, err)
	}
	return nil
}

// Close ends the process if this plane has started it; for a plane that was
// never used.
func (p *RemotePlane) Close() error {
	if p.found {
		return nil
	}
	return p.Stop(context.Background())
}
