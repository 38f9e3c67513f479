package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/bus/memory"
)

// roleFlags say which part of a controller this process is, and how it speaks
// to the others.
type roleFlags struct {
	names  string
	bus    busFlags
	dryRun bool

	set     roles.Set
	listens bool // the address was named
}

func (f *roleFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.names, "roles", "", "the roles of this process, separated by commas: monitor, planner, executor, balancer, dashboard (default all); needs --bus")
	f.bus.add(flags)
	flags.BoolVar(&f.dryRun, "dry-run", false, "with the role executor: acknowledge decisions and change nothing")
}

// split reports whether the controller is in several processes.
func (f *roleFlags) split() bool { return f.bus.address != "" }

// has reports whether this process has one of the roles.
func (f *roleFlags) has(any ...roles.Role) bool { return f.set.Has(any...) }

// check reads the flags. A controller in several processes leaves replicas and
// balancer alone when one of them ends.
func (f *roleFlags) check(cmd *cobra.Command, onExit *string) error {
	if !f.split() {
		for _, name := range []string{"roles", "bus-password-file", "bus-ca", "bus-cert", "bus-key", "bus-namespace", "dry-run"} {
			if cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s: needs --bus, the Redis between the roles", name)
			}
		}
		return nil
	}
	f.set, f.listens = roles.All(), cmd.Flags().Changed("listen")
	var err error
	if f.names != "" {
		if f.set, err = roles.Parse(f.names); err != nil {
			return fmt.Errorf("--roles: %w", err)
		}
	}
	if f.dryRun && !f.has(roles.Executor) {
		return fmt.Errorf("--dry-run: is for the role executor, this process is %s", f.set)
	}
	if !cmd.Flags().Changed("on-exit") {
		*onExit = "keep"
	} else if *onExit != "keep" {
		return errors.New("--on-exit: must be keep where roles are processes of their own: others go on")
	}
	_, err = f.bus.server()
	return err
}

// open connects a process to the others; close ends that.
func (f *roleFlags) open(ctx context.Context, deps *app.Deps) (closing func() error, err error) {
	deps.Bus = memory.New()
	if !f.split() {
		return func() error { return nil }, nil
	}
	instance, err := f.instance(deps.StateDir)
	if err != nil {
		return nil, err
	}
	far, err := f.bus.open(ctx, instance, deps.Log)
	if err != nil {
		return nil, err
	}
	deps.Log = deps.Log.With(slog.String("roles", f.set.String()))
	deps.Bus = &roles.Bus{Far: far, Near: deps.Bus}
	deps.Split = &app.Split{Roles: f.set, Far: far, DryRun: f.dryRun,
		Lease:         func(target string) app.RunningLease { return far.NewLease(target, 0) },
		ExecutorLease: func(target string) app.RunningLease { return far.NewExecutorLease(target, 0) }}
	return far.Close, nil
}

// instance names this process on the bus, the same after a restart.
func (f *roleFlags) instance(stateDir string) (string, error) {
	path := filepath.Join(stateDir, "instance-"+strings.ReplaceAll(f.set.String(), ",", "-"))
	if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
		return string(data), nil
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random) // it never fails
	name := f.set.String() + "-" + hex.EncodeToString(random)
	if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
		return "", fmt.Errorf("--state-dir: %w", err)
	}
	return name, nil
}

// specs reads the documents and checks what this process must find.
func (f *runFlags) specs(in io.Reader) ([]app.Spec, error) {
	return f.documents.specsFor(in, f.roles.set)
}

// dashboard opens the address of API and dashboard where they are of this
// process, or of its metrics alone where that is named.
func (f *runFlags) dashboard(ctx context.Context, log *slog.Logger) (*serving, error) {
	if f.roles.has(roles.Dashboard) || f.roles.listens {
		return f.serving.open(ctx, log)
	}
	return &serving{Listener: nowhere{}}, nil
}

// nowhere is an address that is not opened.
type nowhere struct{ net.Listener }

// Close has nothing to close.
func (nowhere) Close() error { return nil }

// remember opens the record, where this process keeps one: the planner's is
// what it goes on with after a restart, the dashboard's what it shows.
func (f *runFlags) remember(ctx context.Context, deps *app.Deps) (closing func() error, err error) {
	if !f.roles.has(roles.Planner, roles.Dashboard) {
		return func() error { return nil }, nil
	}
	folder := deps.StateDir
	if !f.roles.has(roles.Planner) { // which may have the same one
		folder = filepath.Join(folder, string(roles.Dashboard))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
	}
	if deps.Store, err = f.record.open(ctx, folder, deps.Log); err != nil {
		return nil, err
	}
	return deps.Store.Close, nil
}
