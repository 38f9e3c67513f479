// Package leftover finds and ends what a state folder still holds: balancer
// processes and replicas of a controller that crashed, or of a document that
// was renamed. They serve on by design; somebody must be able to see and end
// them without the document they came from.
package leftover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer/builtin/remote"
	"github.com/flyball-io/flyball/internal/clock"
	engine "github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/process"
)

// ErrAttended is returned where a live controller looks after the service.
var ErrAttended = errors.New("a controller looks after it")

// Service is what runs of one service.
type Service struct {
	Name string `json:"name"`
	// ProxyPID is its balancer process; 0: none.
	ProxyPID int    `json:"proxyPid"`
	Address  string `json:"address,omitempty"` // where that takes requests
	// Replicas are those that end with it, processes and containers.
	Replicas int `json:"replicas"`
	// Stay is the command that starts its replicas where they are somebody
	// else's: those are neither counted nor ended.
	Stay string `json:"stay,omitempty"`
	// Controller is the process that looks after it; "" when nobody does.
	Controller string `json:"controller,omitempty"`
	// Unseen says why nobody knows which of its replicas run: the engine does not
	// answer. Its state is good.
	Unseen string `json:"unseen,omitempty"`
	// Damaged says why its state cannot be read.
	Damaged string `json:"damaged,omitempty"`
}

// Runs reports whether anything of it runs.
func (s Service) Runs() bool { return s.ProxyPID != 0 || s.Replicas > 0 }

// names are the services that left files in a state folder.
func names(stateDir string) ([]string, error) {
	entries, err := os.ReadDir(stateDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	var found []string
	for _, e := range entries {
		for _, ext := range []string{".docker.json", ".json", ".proxy.sock"} {
			// The names of services have no dot.
			if name, ok := strings.CutSuffix(e.Name(), ext); ok && name != "" && !strings.Contains(name, ".") && !e.IsDir() {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// List says what of each service runs, by name. Services of which nothing is
// left are not listed.
func List(ctx context.Context, stateDir string, clk clock.Clock) ([]Service, error) {
	found, err := names(stateDir)
	if err != nil {
		return nil, err
	}
	services := []Service{}
	for _, name := range found {
		s := look(ctx, stateDir, name, clk)
		if s.Runs() || s.Damaged != "" || s.Unseen != "" {
			services = append(services, s)
		}
	}
	return services, nil
}

func look(ctx context.Context, stateDir, name string, clk clock.Clock) Service {
	s := Service{Name: name}
	if info, err := remote.NewClient(app.Socket(stateDir, name)).Info(ctx); err == nil {
		s.ProxyPID, s.Address = info.PID, info.Address
	}
	targets, stay, err := open(stateDir, name, clk)
	s.Stay = stay
	for _, t := range targets {
		status, unseen := t.Status(ctx)
		s.Replicas += len(status.Replicas)
		if errors.Is(unseen, engine.ErrUnreachable) {
			s.Unseen = unseen.Error()
			continue
		}
		err = errors.Join(err, unseen)
	}
	if err != nil {
		s.Damaged = err.Error()
	}
	if held, err := attended(ctx, stateDir, name, clk); err == nil {
		s.Controller = held
	}
	return s
}

// attended is the controller that looks after a service, whatever its replicas
// are; "" where there is none.
func attended(ctx context.Context, stateDir, name string, clk clock.Clock) (string, error) {
	err := process.Unattended(ctx, clk, stateDir, name)
	if errors.Is(err, process.ErrInUse) {
		return controller(filepath.Join(stateDir, name+".lock")), nil
	}
	file := filepath.Join(stateDir, name+".docker.lock")
	if _, missing := os.Stat(file); missing == nil && errors.Is(docker.Unattended(ctx, clk, stateDir, name), docker.ErrInUse) {
		return controller(file), nil
	}
	return "", err
}

// controller is the process that wrote its number into the lock.
func controller(lock string) string {
	holder, err := os.ReadFile(lock)
	if text := strings.TrimSpace(string(holder)); err == nil && text != "" {
		return text
	}
	return "unknown"
}

// ours are replicas that end when nobody wants them any more.
type ours interface {
	target.Target
	target.Stopper
}

// open makes the targets of a service from what is on disk alone: what they
// would start does not matter, they only end. Of replicas that are somebody
// else's it returns the command that starts them.
func open(stateDir, name string, clk clock.Clock) (targets []ours, stay string, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	log, traffic := slog.New(slog.DiscardHandler), remote.NewClient(app.Socket(stateDir, name))
	cfg := process.Default()
	cfg.Command = []string{program}
	processes, err := process.New(name, cfg, process.Options{Clock: clk, Log: log, StateDir: stateDir, Traffic: traffic})
	if err != nil {
		return nil, "", err
	}
	targets = []ours{processes}
	left, err := docker.Leftover(stateDir, name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return targets, "", nil
	case err != nil || left.Replicas == 0 || left.Up != "":
		return targets, left.Up, err
	}
	containers, err := left.Open(name, docker.Options{Clock: clk, Log: log, StateDir: stateDir, Traffic: traffic})
	if err != nil {
		return targets, "", err
	}
	return append(targets, containers), "", nil
}

// Stop ends what runs of a service: first the balancer takes no more requests
// and answers those it has, then the replicas go. Once ctx is done what is
// left is killed. It refuses with ErrAttended where a controller would only
// start it again.
func Stop(ctx context.Context, s Service, stateDir string, clk clock.Clock) error {
	asking := context.WithoutCancel(ctx)
	holder, err := attended(asking, stateDir, s.Name, clk)
	if holder != "" {
		err = fmt.Errorf("%w (process %s)", ErrAttended, holder)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	targets, _, err := open(stateDir, s.Name, clk)
	errs := []error{err, stopProxy(ctx, s, stateDir)}
	for _, t := range targets {
		errs = append(errs, t.Stop(ctx))
	}
	return errors.Join(errs...)
}

func stopProxy(ctx context.Context, s Service, stateDir string) error {
	err := remote.NewClient(app.Socket(stateDir, s.Name)).Shutdown(ctx)
	switch {
	case err == nil, errors.Is(err, remote.ErrNotRunning):
		return nil
	case ctx.Err() != nil && s.ProxyPID > 0:
		if p, err := os.FindProcess(s.ProxyPID); err != nil || p.Kill() != nil {
			return fmt.Errorf("%s: balancer process %d cannot be killed", s.Name, s.ProxyPID)
		}
		return nil
	}
	return fmt.Errorf("%s: balancer: %w", s.Name, err)
}
