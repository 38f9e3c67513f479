//go:build linux

package containers

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/docker"
)

const (
	// long streams last longer than it takes to replace a controller.
	longChunks = 25
	longEvery  = time.Second
	// abreast are so many that each of two replicas has some.
	abreast = 8
)

// A controller that ends while a replica drains leaves that to the next one, which
// never sent it a request: what is in progress there ends whole.
func TestADrainOutlivesTheController(t *testing.T) {
	testenv.Long(t)
	for _, before := range []string{"nginx", "haproxy"} {
		t.Run(before, func(t *testing.T) {
			cfg := containers(t, abrupt).(*docker.Config)
			cfg.DrainTimeout = 2 * longChunks * scale.Duration(longEvery)
			c := put(t, cfg, fronts[before])
			c.scale(2)
			ends := make(chan error, abreast)
			for range abreast {
				body := longStream(t, c.front.address)
				go func() { ends <- whole(body) }()
			}
			must(t, c.target.SetReplicas(t.Context(), 1))
			eventually(t, "one of two drains", func() bool { return len(c.backends()) == 1 && c.replicas() == 2 })
			c.replace()
			eventually(t, "the next one sends to the other", func() bool { return len(c.backends()) == 1 })
			if len(ends) > 0 || c.replicas() != 2 {
				t.Errorf("%d streams ended and %d replicas are left as the next controller began, want none and 2", len(ends), c.replicas())
			}
			for range abreast {
				if err := <-ends; err != nil {
					t.Error(err)
				}
			}
			eventually(t, "the one that drained ends", func() bool { return c.replicas() == 1 })
		})
	}
}

// replicas is how many there are, those that end included.
func (c *crew) replicas() int {
	status, err := c.target.Status(c.t.Context())
	must(c.t, err)
	return len(status.Replicas)
}

// longStream is the answer to a request for one, which has begun.
func longStream(t *testing.T, address string) io.Reader {
	t.Helper()
	answer, err := http.Get(fmt.Sprintf("http://%s/stream?chunks=%d&interval=%v", address, longChunks, longEvery))
	must(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	return answer.Body
}

// whole reads a stream until it ends, as it should.
func whole(stream io.Reader) error {
	text, err := io.ReadAll(stream)
	if end := fmt.Sprintf("event: end\ndata: %d\n\n", longChunks); err == nil && !strings.HasSuffix(string(text), end) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("a stream was cut after %d of %d s: %w", strings.Count(string(text), "data:"), longChunks, err)
	}
	return nil
}
