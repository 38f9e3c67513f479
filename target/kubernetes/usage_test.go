package kubernetes

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/targettest"
)

// uses is a measurement of the last 15 s.
func uses(pod, container string, cores float64) scale.Sample {
	return scale.Sample{Signal: "cpu", Replica: pod, Container: container, At: time.Now(), Window: 15 * time.Second, Value: cores}
}

func TestUtilizationIsOfPodsThatTakeWork(t *testing.T) {
	fake := newFakeCluster(2)
	tell(t, fake, nil, func(s *story) {
		s.after(time.Minute)
		s.set(3)
		s.after(7 * time.Second) // ready for 2 s: what it used to start is in its 15 s
		fake.set(func() {
			fake.samples = nil
			for i, cores := range []float64{0.1, 0.2, 5} {
				pod := fmt.Sprintf("web-%03d", i+1)
				fake.samples = append(fake.samples, uses(pod, "web", cores), uses(pod, "", cores))
			}
			fake.samples = append(fake.samples, uses("another", "web", 9))
		})
		s.status()
		samples, err := s.target.Collect(s.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(samples, func(s scale.Sample) bool { return s.Signal == scale.CPUUtilization })
		if i < 0 || math.Abs(samples[i].Value-0.3/1.0) > 1e-9 || samples[i].Window != 15*time.Second {
			t.Errorf("got %+v, want 0.3 of the 1 core that two ready pods request", samples)
		}
		if slices.ContainsFunc(samples, func(s scale.Sample) bool { return s.Replica == "another" }) || len(samples) != 7 {
			t.Errorf("got %d samples, want those of three pods and the sum", len(samples))
		}
		fake.set(func() { fake.samples = nil })
		if samples, err := s.target.Collect(s.t.Context()); len(samples) != 0 || err != nil {
			t.Errorf("nothing measured is %+v, %v", samples, err)
		}
	})
}

// A pod that requests as a whole is measured as a whole, and nothing twice.
func TestUtilizationOfAPodThatRequestsAsAWhole(t *testing.T) {
	r := scale.Replica{ID: "p", Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true},
		Containers: []scale.Container{{Name: "a", Requests: map[string]int64{"cpu": 100}}, {Name: "b"}, {Requests: map[string]int64{"cpu": 1000}}}}
	samples := []scale.Sample{uses("p", "a", 0.1), uses("p", "b", 0.3), uses("p", "", 0.4)}
	all := relevant(samples, []scale.Replica{r})
	if got := all[len(all)-1]; got.Signal != scale.CPUUtilization || math.Abs(got.Value-0.4) > 1e-9 {
		t.Errorf("got %+v, want 0.4 of 1 core", got)
	}
}

func costly(c *Config) { c.PodDeletionCost = true }

func TestLeastBusyPodsAreToGoFirst(t *testing.T) {
	fake := newFakeCluster(4)
	traffic := &targettest.Traffic{}
	tellWith(t, fake, costly, traffic, func(s *story) {
		s.after(time.Minute)
		for i, requests := range []int{7, 1, 9, 3} {
			traffic.SetLoad(fmt.Sprintf("web-%03d", i+1), requests)
		}
		s.set(2)
		if want := []string{"cost web-002 -1000", "cost web-004 -1000", "scale 2"}; !slices.Equal(fake.done(), want) {
			t.Errorf("got %v, want %v", fake.done(), want)
		}
	})
}

// Who may not mark pods lets the ReplicaSet choose, and a cost that somebody
// else has set stays.
func TestCostsOfSomebodyElse(t *testing.T) {
	fake := newFakeCluster(3)
	fake.costs["web-001"] = 7
	tell(t, fake, costly, func(s *story) {
		s.after(time.Minute)
		fake.set(func() { fake.costErr = kubernetes.ErrForbidden })
		s.set(2)
		if fake.replicas() != 2 {
			t.Errorf("held up at %d", fake.replicas())
		}
		fake.set(func() {
			fake.costErr = nil
			fake.samples = []scale.Sample{uses("web-001", "", 0.9), uses("web-002", "", 0.1)}
		})
		if _, err := s.target.Collect(s.t.Context()); err != nil {
			t.Error(err)
		}
		s.set(1)
		if fake.costs["web-001"] != 7 || fake.costs["web-002"] != goesFirst {
			t.Errorf("got %v", fake.costs)
		}
	})
}

func TestRefusesWhatIsNoCountAndNoConfiguration(t *testing.T) {
	fake := newFakeCluster(2)
	tell(t, fake, nil, func(s *story) {
		if err := s.target.SetReplicas(s.t.Context(), -1); err == nil {
			t.Error("-1 replicas")
		}
		if err := s.target.Update(s.t.Context(), Default()); err == nil {
			t.Error("a configuration without a name")
		}
		cfg := config(nil)
		if err := s.target.Update(s.t.Context(), &cfg); err != nil {
			t.Errorf("the same: %v", err)
		}
	})
	cfg := Config{Name: "A b", Kind: "deploy", APIVersion: "x y", Namespace: "A.b", Port: 70000, Interval: 1, PodDeletionCost: true}
	err := cfg.Validate()
	for _, field := range []string{"name:", "kind:", "apiVersion:", "namespace:", "port:", "startTimeout:", "interval:", "podDeletionCost:"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s not refused: %v", field, err)
		}
	}
}

// A document that names another object hands back what it had taken over.
func TestAnotherObjectIsAnotherStory(t *testing.T) {
	fake := withHPA(3)
	tell(t, fake, takesOver, func(s *story) {
		s.keep(true)
		s.set(5)
		other := config(takesOver)
		other.Name = "api"
		if err := s.target.Update(s.t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if want := []string{"suspend web-hpa", "scale 5", "resume web-hpa"}; !slices.Equal(fake.done()[:3], want) {
			t.Errorf("got %v, want %v", fake.done(), want)
		}
		fake.set(func() { fake.workload.UID, fake.workload.Replicas, fake.rivals = "u9", 2, nil })
		s.after(time.Minute)
		if fake.replicas() != 2 {
			t.Errorf("the other object got the count of the first: %d", fake.replicas())
		}
	})
}

// Who scales the other object goes on until there is a decision with data for it,
// and rests from that one on, also where it orders nothing.
func TestWhoScalesAnotherObjectRestsOnceItIsToBeKept(t *testing.T) {
	fake := newFakeCluster(3)
	tell(t, fake, takesOver, func(s *story) {
		s.keep(true)
		other := config(takesOver)
		other.Name = "api"
		if err := s.target.Update(s.t.Context(), other); err != nil {
			t.Fatal(err)
		}
		fake.set(func() { fake.workload.UID, fake.rivals = "u9", withHPA(3).rivals })
		s.after(time.Minute)
		if err := s.target.SetReplicas(s.t.Context(), 4); !errors.Is(err, ErrScaledByOther) || len(fake.done()) != 0 {
			t.Errorf("before a decision with data of the other object: got %v, did %v", err, fake.done())
		}
		s.keep(true)
		if want := []string{"suspend web-hpa"}; !slices.Equal(fake.done(), want) {
			t.Errorf("with the decision: %v, want %v", fake.done(), want)
		}
	})
}
