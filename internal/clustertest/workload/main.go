// Command workload is what runs in the pods of tests, in images that hold
// nothing else.
//
//	workload           serves on :8080
//	workload pause     waits for its end, as the first process of every pod
//	workload hostname  says which pod it is in
//
// GET / says which pod answers, GET /burn?cpu=10ms uses so much CPU time first,
// GET /healthz is the readiness, which POST /ready?is=false takes away.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	name, err := os.Hostname()
	switch {
	case err != nil:
		return err
	case len(args) == 0:
		return serve(ctx, name)
	case args[0] == "pause":
		<-ctx.Done()
		return nil
	case args[0] == "hostname":
		fmt.Println(name)
		return nil
	default:
		return fmt.Errorf("must be pause, hostname or nothing, got %q", args[0])
	}
}

func serve(ctx context.Context, name string) error {
	server := &http.Server{Addr: ":8080", Handler: routes(name), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	fmt.Println("listening")
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(ending), ignoreClosed(<-served))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func routes(name string) http.Handler {
	var unready atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
	mux.HandleFunc("GET /burn", func(w http.ResponseWriter, r *http.Request) {
		cpu, err := time.ParseDuration(r.URL.Query().Get("cpu"))
		if err != nil || cpu < 0 || cpu > time.Minute {
			http.Error(w, "cpu: must be a duration from 0s to 1m", http.StatusBadRequest)
			return
		}
		burn(cpu)
		fmt.Fprintln(w, name)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if unready.Load() {
			http.Error(w, "told not to be ready", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /ready", func(_ http.ResponseWriter, r *http.Request) { unready.Store(r.URL.Query().Get("is") == "false") })
	return mux
}

// burn computes until its thread has used so much CPU time, however long that
// takes: a pod at its limit uses the same for each request as an idle one.
func burn(cpu time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for begun := threadCPU(); threadCPU()-begun < cpu; {
		for range 10_000 { // 10 µs or so
		}
	}
}
