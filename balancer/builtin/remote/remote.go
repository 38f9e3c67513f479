// Package remote runs the built-in balancer as a process of its own, so that
// the controller can be restarted, upgraded or killed without a request
// noticing. The controller speaks to it over a socket of the local machine:
//
//	controller ── Client ── socket (JSON over HTTP) ── Serve ── builtin.Proxy ◄── requests
//
// The proxy itself is upgraded by starting its successor, which inherits the
// listening sockets; the old process answers what it has and ends. Where
// sockets cannot be inherited (Windows) the successor opens them anew, and
// connections are refused in between.
package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/balancer/builtin"
)

// ErrNotRunning is returned by a Client when no proxy serves its socket.
var ErrNotRunning = errors.New("no proxy is running")

// ErrRunning is returned by Serve when another proxy serves the socket.
var ErrRunning = errors.New("a proxy is running already")

// Info says what runs.
type Info struct {
	Version string         `json:"version"`
	PID     int            `json:"pid"`
	Address string         `json:"address"` // where it takes requests, host:port
	Config  builtin.Config `json:"config"`
}

// Upgrade says what replaces a running proxy; empty fields keep what there is.
type Upgrade struct {
	Executable string   `json:"executable,omitempty"`
	Args       []string `json:"args,omitempty"`
	// Config is a builtin.Config in JSON. The running proxy only passes it on:
	// its successor may know more fields.
	Config json.RawMessage `json:"config,omitempty"`
}

// WithConfig returns u with the configuration set.
func (u Upgrade) WithConfig(cfg builtin.Config) (Upgrade, error) {
	raw, err := json.Marshal(cfg)
	u.Config = raw
	return u, err
}

// drainRequest names the backend to drain.
type drainRequest struct {
	ID string `json:"id"`
}

// fault is the body of an answer that is no success.
type fault struct {
	Error string `json:"error"`
}

// state is what a proxy process starts with, read from its standard input.
type state struct {
	Config json.RawMessage `json:"config"` // what is missing has its default
	// Files names the inherited files, from descriptor 3 on.
	Files []string `json:"files,omitempty"`
	// Handles are these files where they have no such numbers (Windows).
	Handles []uintptr `json:"handles,omitempty"`
	// Listen is the configured address that the inherited listener serves.
	Listen   string    `json:"listen,omitempty"`
	Backends []standby `json:"backends,omitempty"`
	// Predecessor is the socket of the process that hands over.
	Predecessor string `json:"predecessor,omitempty"`
}

// config reads the configuration.
func (s state) config() (builtin.Config, error) {
	cfg := builtin.Default()
	if len(s.Config) == 0 {
		return cfg, nil
	}
	if err := decode(bytes.NewReader(s.Config), &cfg); err != nil {
		return cfg, fmt.Errorf("config: %w", err)
	}
	return cfg, cfg.Validate()
}

// standby is a backend as it is handed over.
type standby struct {
	balancer.Backend
	Draining bool `json:"draining,omitempty"`
}

// bodyLimit bounds what is decoded: over ten thousand backends fit.
const bodyLimit = 4 << 20

// decode reads exactly one JSON value without unknown fields into v.
func decode(r io.Reader, v any) error {
	data, err := io.ReadAll(io.LimitReader(r, bodyLimit+1))
	if err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	if len(data) > bodyLimit {
		return fmt.Errorf("read JSON: longer than %d bytes", bodyLimit)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read JSON: more than one value")
	}
	return nil
}

// checkBackends reports every fault of a list of backends.
func checkBackends(list []balancer.Backend) error {
	var errs []error
	seen := map[string]bool{}
	for i, b := range list {
		switch {
		case b.ID == "":
			errs = append(errs, fmt.Errorf("backends[%d].id: must not be empty", i))
		case seen[b.ID]:
			errs = append(errs, fmt.Errorf("backends[%d].id: %q is there twice", i, b.ID))
		}
		seen[b.ID] = true
		if b.Address == "" {
			errs = append(errs, fmt.Errorf("backends[%d].address: must be host:port, got nothing", i))
		}
	}
	return errors.Join(errs...)
}
