package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
)

// Request is one kind of request in the mix.
type Request struct {
	Name   string  // in the result; empty means METHOD PATH
	Weight float64 // share of the mix relative to the others; 0 means 1
	Method string  // empty means GET
	URL    string  // resolved against Options.URL; empty means that one
	Header http.Header
	Body   []byte
	// WantBytes, if above 0, is how long the answer's body must be.
	WantBytes int64
	// WantEnd, if not empty, is what the answer's body must end with, such as
	// the last event of a stream.
	WantEnd []byte
}

// kind is a Request made ready to be sent many times.
type kind struct {
	Request
	template *http.Request
}

func newKind(r Request, base string) (*kind, error) {
	if !(r.Weight >= 0 && r.Weight <= 1e9) {
		return nil, fmt.Errorf("weight: must be 0 to 1e9, got %v", r.Weight)
	}
	target, err := url.Parse(base)
	if err == nil && r.URL != "" {
		target, err = target.Parse(r.URL)
	}
	if err != nil {
		return nil, fmt.Errorf("url %q of %q: %w", r.URL, base, err)
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(context.Background(), r.Method, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("method %q: must be a word such as GET or POST", r.Method)
	}
	req.Header.Set("User-Agent", "flyball-load")
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if user := target.User; user != nil && req.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	if r.Name == "" {
		r.Name = r.Method + " " + target.RequestURI()
	}
	if r.Weight == 0 {
		r.Weight = 1
	}
	return &kind{Request: r, template: req}, nil
}

// request returns a request ready to be sent once.
func (k *kind) request(ctx context.Context) *http.Request {
	req := k.template.WithContext(ctx)
	if len(k.Body) > 0 {
		req.ContentLength = int64(len(k.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(k.Body)), nil }
		req.Body, _ = req.GetBody()
	}
	return req
}

// mix picks kinds of requests at random by weight.
type mix struct {
	kinds []*kind
	upTo  []float64 // running sum of the weights
	rng   *rand.Rand
}

func newMix(requests []Request, base string, seed uint64) (*mix, error) {
	m := &mix{rng: rand.New(rand.NewPCG(seed, 0x6d6978))} // "mix"
	total := 0.0
	for _, r := range requests {
		k, err := newKind(r, base)
		if err != nil {
			return nil, err
		}
		total += k.Weight
		m.kinds, m.upTo = append(m.kinds, k), append(m.upTo, total)
	}
	return m, nil
}

// pick returns the index of a kind.
func (m *mix) pick() int {
	if len(m.kinds) == 1 {
		return 0
	}
	last := len(m.kinds) - 1
	x := m.rng.Float64() * m.upTo[last]
	for i, top := range m.upTo {
		if x < top {
			return i
		}
	}
	return last
}

// complete reports whether an answer of that length that ends with tail is all
// there.
func (k *kind) complete(length int64, tail []byte) bool {
	return (k.WantBytes == 0 || length == k.WantBytes) && bytes.HasSuffix(tail, k.WantEnd)
}
