//go:build linux

package containers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/target/swarm"
	"github.com/flyball-io/flyball/workload"
)

// noting passes requests on, and notes when the first was sent and when a
// replica that is not old answered first.
type noting struct {
	http.RoundTripper
	began, fresh chan time.Time
	old          map[string]bool

	mu       sync.Mutex
	replicas map[string]bool
}

// sendNoting sends GETs until the test ends.
func sendNoting(t *testing.T, address string, rate float64) *noting {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	n := &noting{RoundTripper: transport, began: make(chan time.Time, 1), fresh: make(chan time.Time, 1), replicas: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() {
		defer transport.CloseIdleConnections()
		if _, err := load.Run(ctx, load.Options{URL: "http://" + address + "/", Shape: workload.Constant{RPS: rate}, Seed: 7, Transport: n}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); sending.Wait() })
	return n
}

// RoundTrip sends one request.
func (n *noting) RoundTrip(r *http.Request) (*http.Response, error) {
	note(n.began, time.Now())
	response, err := n.RoundTripper.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusOK {
		n.answeredBy(response.Header.Get("X-Replica"))
	}
	return response, err
}

func (n *noting) answeredBy(replica string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replicas[replica] = true
	if n.old != nil && !n.old[replica] {
		note(n.fresh, time.Now())
	}
}

// seen are the replicas that have answered.
func (n *noting) seen() map[string]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.replicas)
}

// answered reports whether a GET is answered with 200.
func answered(url string) bool {
	quick := http.Client{Timeout: time.Second}
	response, err := quick.Get(url)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// starts measures how long the engine itself takes from the order to the first
// answer, with nobody else between: `docker run`, or one task more of a service.
func starts(t *testing.T, kind string, times int) []time.Duration {
	t.Helper()
	engine := dockertest.Engine(t)
	engine.Image(t, image)
	var took []time.Duration
	for range times {
		t.Run("by hand", func(t *testing.T) {
			begin := func() func() string { return runContainer(t, engine) }
			if kind == "swarm" {
				begin = oneTaskMore(t, engine)
			}
			began := time.Now()
			address := begin()
			eventually(t, "an answer", func() bool { at := address(); return at != "" && answered("http://"+at+":8080/") })
			took = append(took, time.Since(began))
		})
	}
	return took
}

// runContainer is `docker run`; it returns where the container is to be found.
func runContainer(t *testing.T, engine *dockertest.Daemon) func() string {
	made, err := engine.API.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: image, Env: []string{"APP=" + stepApp}}})
	must(t, err)
	t.Cleanup(func() {
		if _, err := engine.API.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	_, err = engine.API.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	must(t, err)
	return func() string { return addressOf(t, engine, made.ID) }
}

// oneTaskMore is `docker service scale`, of a service that has one task.
func oneTaskMore(t *testing.T, engine *dockertest.Daemon) func() func() string {
	t.Helper()
	service := swarmService(t, stepApp).(*swarm.Config).Service
	var first string
	eventually(t, "the first task", func() bool { first = tasks(t, engine, service, ""); return first != "" })
	eventually(t, "its answer", func() bool { return answered("http://" + addressOf(t, engine, first) + ":8080/") })
	direct, err := docker.Open(engine.Endpoint)
	must(t, err)
	t.Cleanup(func() { direct.Close() })
	return func() func() string {
		_, err := docker.SetServiceReplicas(t.Context(), direct, service, 2)
		must(t, err)
		return func() string {
			second := tasks(t, engine, service, first)
			if second == "" {
				return ""
			}
			return addressOf(t, engine, second)
		}
	}
}

// tasks is the container of a task of a service that runs and is not the one
// that is known.
func tasks(t *testing.T, engine *dockertest.Daemon, service, known string) string {
	running, err := engine.API.ContainerList(t.Context(), client.ContainerListOptions{Filters: make(client.Filters).Add("label", "com.docker.swarm.service.name="+service)})
	must(t, err)
	for i := range running.Items {
		if id := running.Items[i].ID; id != known {
			return id
		}
	}
	return ""
}

func addressOf(t *testing.T, engine *dockertest.Daemon, id string) string {
	found, err := engine.API.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	must(t, err)
	for _, n := range found.Container.NetworkSettings.Networks {
		if n.IPAddress != (netip.Addr{}) {
			return n.IPAddress.String()
		}
	}
	return ""
}

// row is that of a kind in the table.
func row(kind string, physical []time.Duration, steps []step) string {
	cell := func(of func(step) time.Duration) string {
		var all []time.Duration
		for _, s := range steps {
			all = append(all, of(s))
		}
		return medianAndWorst(all)
	}
	return "| " + strings.Join([]string{
		kind, medianAndWorst(physical),
		cell(func(s step) time.Duration { return s.decided }), cell(func(s step) time.Duration { return s.runs }), cell(func(s step) time.Duration { return s.answered }),
		cell(func(s step) time.Duration { return s.answered - s.decided }), "",
	}, " | ")
}

func medianAndWorst(all []time.Duration) string {
	sorted := slices.SortedFunc(slices.Values(all), cmp.Compare)
	return fmt.Sprintf("%.2f s, %.2f s", sorted[len(sorted)/2].Seconds(), sorted[len(sorted)-1].Seconds())
}

func loadAverage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	must(t, err)
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
