package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// unlessInterrupted is err, unless it only says that somebody pressed Ctrl-C.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// interruptible returns a context that ends with the first Ctrl-C or SIGTERM
// and one that ends with the second, when somebody is in a hurry. stop gives
// the signals back.
func interruptible(parent context.Context) (ctx, hurry context.Context, stop func()) {
	ctx, end := context.WithCancel(parent)
	hurry, rush := context.WithCancel(context.WithoutCancel(parent))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for _, next := range []func(){end, rush} {
			select {
			case <-signals:
				next()
			case <-done:
				return
			}
		}
		signal.Stop(signals) // a third one ends the program at once
	}()
	return ctx, hurry, func() {
		signal.Stop(signals)
		close(done)
		end()
		rush()
	}
}
