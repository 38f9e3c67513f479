package docker_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
)

// silent accepts connections and never answers, as an engine that hangs.
func silent(t *testing.T) *docker.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var held []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range held {
			c.Close()
		}
	})
	c, err := docker.Open("tcp://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Who wants to hear of events learns that the engine hangs.
func TestAnEngineThatHangsIsLeftAlone(t *testing.T) {
	c := silent(t)
	for name, follow := range map[string]func() <-chan error{
		"events of a swarm": func() <-chan error { _, failed := c.Happenings(t.Context()); return failed },
		"events":            func() <-chan error { _, failed := c.Events(t.Context(), nil); return failed },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := make(chan error, 1)
			go func() { why <- <-follow() }()
			select {
			case err := <-why:
				if !errors.Is(err, docker.ErrUnreachable) || !strings.Contains(err.Error(), "no answer within") {
					t.Errorf("got %v, want that there is no answer", err)
				}
			case <-time.After(time.Minute):
				t.Error("a minute without a word")
			}
		})
	}
}
