// Package traffictest is load on sample apps behind whatever a test looks at, of
// which every answer is looked at.
package traffictest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/workload"
)

// The kinds of requests of the mixed load.
const (
	Gets    = "GET"
	Posts   = "POST"
	Streams = "stream"
)

const (
	bodyBytes    = 20_000
	streamChunks = 10
	chunkEvery   = 20 * time.Millisecond
)

// Mixed is GETs, POSTs with a body, and Streams.
func Mixed() []load.Request {
	return []load.Request{
		{Name: Gets, Weight: 5},
		{Name: Posts, Weight: 4, Method: http.MethodPost, Body: bytes.Repeat([]byte("x"), bodyBytes)},
		{Name: Streams, Weight: 1, URL: fmt.Sprintf("/stream?chunks=%d&interval=%v", streamChunks, chunkEvery),
			WantEnd: fmt.Appendf(nil, "event: end\ndata: %d\n\n", streamChunks)},
	}
}

// Only is the mixed load without the other kinds.
func Only(kinds ...string) []load.Request {
	return slices.DeleteFunc(Mixed(), func(r load.Request) bool { return !slices.Contains(kinds, r.Name) })
}

// Traffic is load under way, every answer of which is looked at.
type Traffic struct {
	t      *testing.T
	stop   context.CancelFunc
	done   chan struct{}
	result load.Result
	*verifier
}

// Send starts to send requests to address, rps each second for a time; 0 is
// until it is stopped.
func Send(t *testing.T, address string, requests []load.Request, rps float64, last time.Duration) *Traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}
	tr := &Traffic{t: t, stop: cancel, done: make(chan struct{}), verifier: &verifier{transport: transport, wrong: map[string]int{}}}
	go func() {
		defer close(tr.done)
		defer transport.CloseIdleConnections()
		var err error
		tr.result, err = load.Run(ctx, load.Options{
			URL: "http://" + address + "/", Requests: requests, Shape: workload.Constant{RPS: rps, For: last}, Seed: 7, Transport: tr.verifier,
		})
		if err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-tr.done })
	return tr
}

// Done is closed once all has been sent and answered.
func (tr *Traffic) Done() <-chan struct{} { return tr.done }

// Wait returns the result once all has been sent and answered.
func (tr *Traffic) Wait() load.Result {
	<-tr.done
	return tr.result
}

// End stops sending and returns the result. Requests that were under way are
// cut off and do not count.
func (tr *Traffic) End() load.Result {
	tr.stop()
	return tr.Wait()
}

// Perfect waits for the end of the traffic and fails the test unless every
// request was answered at the first try, in full and as it should be.
func (tr *Traffic) Perfect() load.Result {
	tr.t.Helper()
	r := tr.Wait()
	if r.FailedRequests > 0 || len(r.Errors) > 0 {
		tr.t.Errorf("%d of %d requests failed, want none: %v", r.FailedRequests, r.Requests, r.Errors)
		for _, k := range r.Mix {
			tr.t.Logf("%s: %d of %d failed: %v", k.Name, k.FailedRequests, k.Requests, k.Errors)
		}
	}
	if r.Requests == 0 || r.ResentRequests > 0 {
		tr.t.Errorf("of %d requests %d met a closed connection and were sent again, want some and none", r.Requests, r.ResentRequests)
	}
	tr.AnswersAreRight()
	return r
}

// AnswersAreRight fails the test when an answer with status 200 was not as it
// should be.
func (tr *Traffic) AnswersAreRight() {
	tr.t.Helper()
	if wrong := tr.wrongAnswers(); len(wrong) > 0 {
		tr.t.Errorf("answers that were not as they should be: %v", wrong)
	}
}

// verifier passes requests on and looks at what the sample app answered.
type verifier struct {
	transport http.RoundTripper

	mu    sync.Mutex // guards what follows
	wrong map[string]int
}

func (v *verifier) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := v.transport.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusOK {
		response.Body = &verified{ReadCloser: response.Body, check: func(body string) { v.check(r, response, body) }}
	}
	return response, err
}

// check looks at a whole answer: all of the body arrived there, all of the
// stream arrived here, both of one replica.
func (v *verifier) check(r *http.Request, response *http.Response, body string) {
	replica := response.Header.Get("X-Replica")
	if r.URL.Path == "/stream" {
		for i := range streamChunks {
			v.want(body, fmt.Sprintf("data: %s %d\n\n", replica, i+1))
		}
		return
	}
	v.want(body, fmt.Sprintf("{\"replica\":%q,", replica))
	v.want(body, fmt.Sprintf("\"bodyBytes\":%d,", max(0, r.ContentLength)))
}

func (v *verifier) want(body, part string) {
	if strings.Count(body, part) == 1 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrong[fmt.Sprintf("%q lacks %q", body, part)]++
}

func (v *verifier) wrongAnswers() map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.wrong)
}

// verified is a body that is looked at once it was read to its end.
type verified struct {
	io.ReadCloser
	read  strings.Builder
	check func(body string)
}

func (b *verified) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Write(p[:n])
	if err == io.EOF && b.check != nil {
		b.check(b.read.String())
		b.check = nil
	}
	return n, err
}
