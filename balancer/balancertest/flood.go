package balancertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// Replica is a server of its own that the test's balancer may send requests
// to. Without a handler it answers with its name.
func Replica(t *testing.T, name string, handler http.HandlerFunc) balancer.Backend {
	t.Helper()
	return ReplicaAt(t, "127.0.0.1", name, handler)
}

// ReplicaAt is a Replica at an address of its own, one of the host's.
func ReplicaAt(t *testing.T, host, name string, handler http.HandlerFunc) balancer.Backend {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	if handler == nil {
		handler = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }() // ends with the server
	t.Cleanup(func() { _ = server.Close() })
	return balancer.Backend{ID: name, Address: l.Addr().String()}
}

// Echo answers with what it is sent, a little later.
func Echo(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	time.Sleep(5 * time.Millisecond)
	if err == nil {
		_, _ = w.Write(text)
	}
}

// Flooded is what became of the requests of a flood.
type Flooded struct {
	Sent    int
	Lost    []error
	Slowest time.Duration
}

// Flood sends so many requests a second to replicas that echo, until ctx is
// done. Every other one is a POST whose body can be sent only once: a client
// that tries again by itself cannot hide that it was lost.
func Flood(ctx context.Context, url string, perSecond int) Flooded {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	var mu sync.Mutex
	var out Flooded
	var running sync.WaitGroup
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		running.Go(func() {
			began := time.Now()
			err := sendOnce(client, url, i%2 == 0)
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			out.Sent++
			out.Slowest = max(out.Slowest, took)
			if err != nil {
				out.Lost = append(out.Lost, err)
			}
		})
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	running.Wait()
	return out
}

// once is a body that can be read only once.
type once struct{ io.Reader }

func sendOnce(client *http.Client, url string, post bool) error {
	method, body, want := http.MethodGet, io.Reader(nil), ""
	if post {
		method, body, want = http.MethodPost, once{strings.NewReader("once")}, "once"
	}
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || string(text) != want) {
		err = errors.New(method + ": answered " + response.Status + ": " + string(text))
	}
	return err
}

// Churn replaces the replicas of a balancer again and again as a controller
// does: new ones first, then the old ones drained and taken out.
func Churn(ctx context.Context, t *testing.T, b balancer.Balancer, replicas []balancer.Backend, every time.Duration, rounds int) {
	t.Helper()
	var old []balancer.Backend
	for round := range rounds {
		fresh := make([]balancer.Backend, len(replicas))
		for i, r := range replicas {
			fresh[i] = balancer.Backend{ID: fmt.Sprintf("%s-%d", r.ID, round), Address: r.Address}
		}
		fresh = fresh[:1+(round+1)%len(replicas)]
		if err := b.SetBackends(ctx, append(append([]balancer.Backend(nil), old...), fresh...)); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		for _, one := range old {
			if err := b.Drain(ctx, one.ID); err != nil {
				t.Errorf("round %d: drain %s: %v", round, one.ID, err)
			}
		}
		if err := b.SetBackends(ctx, fresh); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		old = fresh
		time.Sleep(every)
	}
}
