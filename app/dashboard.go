package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/telemetry"
	"github.com/flyball-io/flyball/web"
)

// info is what the document alone says.
func (s *Spec) info(balancer string, compression float64) web.TargetInfo {
	info := web.TargetInfo{
		Name: s.Name, Mode: s.Mode, Policy: s.Policy.Description(), Objective: s.Objective, Min: s.Min, Max: s.Max,
		Sync: s.Sync.Std(), Balancer: balancer, Compression: compression,
	}
	for _, p := range s.Shadows {
		info.Shadows = append(info.Shadows, p.Name) // as their decisions are named
	}
	return info
}

// measuredBy is what our own metrics say of the document.
func (s *Spec) measuredBy() telemetry.Target {
	t := telemetry.Target{Name: s.Name, Min: s.Min, Max: s.Max, Objective: s.Objective}
	if s.Cost != nil {
		t.PerReplicaHour = s.Cost.PerReplicaHour
	}
	return t
}

// Info is what the dashboard shows of the service before anything is measured.
func (s *Service) Info(balancer string, compression float64) web.TargetInfo {
	info := s.spec.info(balancer, compression)
	info.Kind, info.Override = s.kind, s.override
	return info
}

// Description says which policy it is and what it aims at.
func (p PolicySpec) Description() string {
	if aim, ok := p.Config.(fmt.Stringer); ok {
		return fmt.Sprintf("%s (%s)", p.Kind, aim)
	}
	return p.Kind
}

// ServeDashboard serves the API and the dashboard, or what of it a handler lets
// through, on l until ctx is done.
func ServeDashboard(ctx context.Context, l net.Listener, dashboard *web.Server, handler http.Handler, log *slog.Logger) error {
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	watched := make(chan error, 1)
	go func() { watched <- dashboard.Run(watching) }()

	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		// Whoever knocks with another protocol is no fault of ours.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	stopWatching() // ends the streams, which Shutdown would wait for
	err = errors.Join(err, unlessDone(watching, <-watched))
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // a page that does not go is cut off
	}
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	return nil
}
