//go:build linux

package operator

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/operator"
)

var many = flag.Int("many", 200, "Autoscalers of the test of many")

// Many Autoscalers on one operator: all of them run, a change of one is taken
// at once, and what rests asks the API server for next to nothing. The figures
// of 1,000 (-many 1000) are in docs/benchmarks.md.
func TestManyAutoscalers(t *testing.T) {
	c := install(t)
	all := c.create(t, *many)
	i := c.operate(t, func(o *operator.Options) { o.Election = operator.Election{} })
	began := time.Now()
	clustertest.Eventually(t, 3*time.Minute, func(ctx context.Context) error {
		list, err := all.List(ctx, meta.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		ready := 0
		for _, o := range list.Items {
			if n, _, _ := unstructured.NestedInt64(o.Object, "status", "currentReplicas"); n > 0 {
				ready++
			}
		}
		if ready < *many {
			time.Sleep(2 * time.Second) // to look costs the server too
			return fmt.Errorf("%d of %d have a decision in their status", ready, *many)
		}
		return nil
	})
	t.Logf("%d Autoscalers: all decided and told %v after the start, %d requests", *many, time.Since(began).Round(time.Second/10), i.requests.Load())

	// One is changed: the time until it is done.
	c.world.Load("s-7", 45)
	patch := []byte(`{"spec":{"replicas":{"max":4}}}`)
	began = time.Now()
	if _, err := all.Patch(t.Context(), "s-7", "application/merge-patch+json", patch, meta.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, func() bool { return c.world.Count("s-7") == 4 })
	t.Logf("one of them changed: scaled %v after", time.Since(began).Round(time.Second/100))

	settles, watched := 10*time.Second, 20*time.Second
	if *many >= 1000 {
		settles, watched = 70*time.Second, time.Minute
	}
	time.Sleep(settles) // of the first statuses
	requests, busy := i.requests.Load(), cpu(t)
	time.Sleep(watched)
	n, used := i.requests.Load()-requests, cpu(t)-busy
	t.Logf("at rest: %.1f requests/s, %.2f cores, %d MB", float64(n)/watched.Seconds(), used.Seconds()/watched.Seconds(), resident(t)>>20)
	if most := int64(float64(*many)*watched.Minutes()) + 100; n > most {
		t.Errorf("%d requests in %v at rest, want %d at most: one a minute for each", n, watched, most)
	}
	began = time.Now()
	if err := i.stop(); err != nil {
		t.Error(err)
	}
	t.Logf("ended in order, all memories kept, in %v", time.Since(began).Round(time.Second/10))
}

// create makes documents s-0 to s-n, of services of one name each, that decide
// as often as by default.
func (c *installed) create(t *testing.T, n int) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	all := client.Resource(schema.GroupVersionResource{Group: "flyball.io", Version: "v1alpha1", Resource: "autoscalers"}).Namespace(c.namespace)
	for k := range n {
		name := fmt.Sprintf("s-%d", k)
		raw, err := yaml.YAMLToJSON([]byte(strings.Replace(document(name, name), "sync: 1s", "sync: 15s", 1)))
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(raw, &u.Object); err != nil {
			t.Fatal(err)
		}
		c.world.Load(name, 25)
		if _, err := all.Create(t.Context(), u, meta.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// cpu is what this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// resident is the memory of this process.
func resident(t *testing.T) (bytes int64) {
	t.Helper()
	if _, err := fmt.Sscanf(strings.Split(read(t, "/proc/self/status"), "VmRSS:")[1], "%d", &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}
