// Command server is what runs in the containers of tests: the sample app, and
// the program of its own health check, for images that hold nothing else.
//
//	server          serves on :8080; APP holds a sample app's configuration as JSON
//	server healthy  exits with 0 when the server beside it says it is healthy
//	server fail     prints a line and exits with 3
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/sampleapp"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func run() error {
	switch {
	case len(os.Args) < 2:
		return serve()
	case os.Args[1] == "healthy":
		return healthy()
	default:
		return fmt.Errorf("told to %s", os.Args[1])
	}
}

func serve() error {
	cfg := sampleapp.Default()
	cfg.Address = ":8080"
	cfg.Replica, _ = os.Hostname()
	if app := os.Getenv("APP"); app != "" {
		if err := json.Unmarshal([]byte(app), &cfg); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return sampleapp.Run(ctx, cfg, clock.System, slog.New(slog.NewTextHandler(os.Stdout, nil)))
}

func healthy() error {
	resp, err := http.Get("http://127.0.0.1:8080/healthz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthz: %s", resp.Status)
	}
	return nil
}
