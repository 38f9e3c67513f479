package labelled_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/labelled"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// fakeSwarm has services with labels, and tells when they change.
type fakeSwarm struct {
	docker.Cluster // nothing else is asked for
	services       []docker.Service
	away           error
	happened       chan struct{}
}

func (f *fakeSwarm) Services(context.Context) ([]docker.Service, error) { return f.services, f.away }

func (f *fakeSwarm) Happenings(context.Context) (<-chan struct{}, <-chan error) {
	return f.happened, make(chan error)
}

func stack(services map[string]map[string]string) labelled.Swarm {
	f := &fakeSwarm{happened: make(chan struct{}, 1)}
	for _, name := range []string{"shop_api", "shop_web"} {
		if labels, ok := services[name]; ok {
			labels["flyball.enable"] = "true"
			f.services = append(f.services, docker.Service{ID: name, Name: name, Labels: labels, Mode: docker.Replicated})
		}
	}
	return labelled.Swarm{Engine: f, Clock: clock.System, Seen: &labelled.Seen{}}
}

func TestLabelsAreDocumentsLikeAnyOther(t *testing.T) {
	plugins := builtin.New()
	set, err := stack(map[string]map[string]string{
		"shop_api": {"flyball.max": "4", "flyball.port": "9000", "flyball.cpu.up": "70", "flyball.cpu.down": "30", "flyball.balancer": "builtin: {listen: '127.0.0.1:9001'}"},
		"shop_web": {"flyball.min": "2", "flyball.max": "10", "flyball.port": "8080", "flyball.objective.latency": "250ms", "flyball.objective.target": "99%", "flyball.cooldown": "30s"},
	}).Read(t.Context(), plugins)
	if err != nil {
		t.Fatal(err)
	}
	specs, err := app.NewSpecs(set.Documents, plugins)
	if err != nil {
		t.Fatal(set.Faults(err))
	}
	if len(specs) != 2 || specs[0].Name != "shop-api" || specs[1].Name != "shop-web" || specs[1].Min != 2 || specs[1].Max != 10 {
		t.Errorf("got %+v", specs)
	}
	if d := set.Documents[1].Spec; d.Objective.Latency.Threshold.String() != "250ms" || d.Cooldown.ScaleUp != scale.Duration(30*time.Second) || d.Policy.Kind != "predictive" {
		t.Errorf("got %+v", d)
	}
	if d := set.Documents[0].Spec; d.Policy.Kind != "threshold" || d.Replicas.Min != 1 {
		t.Errorf("got %+v", d)
	}
}

// The stack that the documentation has people copy is one that can be read.
func TestTheStackOfTheDocumentation(t *testing.T) {
	raw, err := os.ReadFile("../../docs/swarm.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "```yaml\n# docker stack deploy")
	text, _, _ = strings.Cut("#"+text, "```")
	var file struct {
		Services map[string]struct {
			Deploy struct{ Labels map[string]string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	fake := &fakeSwarm{}
	for name, s := range file.Services {
		fake.services = append(fake.services, docker.Service{Name: "shop_" + name, Labels: s.Deploy.Labels})
	}
	plugins := builtin.New()
	set, err := labelled.Swarm{Engine: fake, Clock: clock.System}.Read(t.Context(), plugins)
	if err != nil {
		t.Fatal(err)
	}
	specs, err := app.NewSpecs(set.Documents, plugins)
	if err != nil || len(specs) != 1 || specs[0].Max != 10 {
		t.Errorf("got %+v, %v", specs, set.Faults(err))
	}
}

func TestWhatIsWrongIsToldByServiceAndLabel(t *testing.T) {
	for _, tc := range []struct {
		rule string
		web  map[string]string
		want string
	}{
		{"what must be given", map[string]string{}, "service shop_web: flyball.max: is required but missing"},
		{"what must be a number", map[string]string{"flyball.max": "many"}, "service shop_web: flyball.max: must be "},
		{"what contradicts another label", map[string]string{"flyball.min": "5", "flyball.max": "2"}, "service shop_web: flyball.max: must be at least 1 and not below min (5), got 2"},
		{"a policy there is none of", map[string]string{"flyball.max": "2", "flyball.policy": "magic"}, "service shop_web: flyball.policy: magic: unknown policy"},
		{"what stands in a policy", map[string]string{"flyball.max": "2", "flyball.policy": "hpa: {tolerances: 3}"}, "service shop_web: flyball.policy: hpa.tolerances: unknown field"},
		{"a label there is none of", map[string]string{"flyball.max": "2", "flyball.maximum": "2"}, "service shop_web: flyball.maximum: unknown label"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			_, err := stack(map[string]map[string]string{"shop_api": {"flyball.max": "3"}, "shop_web": tc.web}).Read(t.Context(), builtin.New())
			var faults v1alpha1.Faults
			if !errors.As(err, &faults) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "shop_api") {
				t.Errorf("got %v, want %q and nothing of shop_api", err, tc.want)
			}
		})
	}
}

func TestFaultsThatShowLaterAreToldTheSameWay(t *testing.T) {
	plugins := builtin.New()
	set, err := stack(map[string]map[string]string{"shop_api": {"flyball.max": "3"}, "shop_web": {"flyball.max": "3"}}).Read(t.Context(), plugins)
	if err != nil {
		t.Fatal(err)
	}
	var late []error
	for _, d := range set.Documents {
		late = append(late, d.Faults("spec.target.swarm", errors.New("service: cannot be scaled")))
	}
	got := set.Faults(errors.Join(late...))
	want := "service shop_api: spec.target.swarm.service: cannot be scaled\nservice shop_web: spec.target.swarm.service: cannot be scaled"
	if got == nil || got.Error() != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestAChangedLabelIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stack(map[string]map[string]string{"shop_web": {"flyball.max": "3"}})
		fake := s.Engine.(*fakeSwarm)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		plugins := builtin.New()
		read := func() error { _, err := s.Read(ctx, plugins); return err }
		if err := read(); err != nil {
			t.Fatal(err)
		}
		fake.services[0].Labels["flyball.max"] = "4" // before anybody watches
		changed := s.Watch(ctx)
		told := func() bool {
			<-clock.System.After(time.Second)
			synctest.Wait()
			select {
			case <-changed:
				return true
			default:
				return false
			}
		}
		if !told() {
			t.Error("a change between reading and watching is not told")
		}
		fake.happened <- struct{}{}
		if !told() {
			t.Error("a change that was told and not read is not told again")
		}
		_ = read()
		tells := told
		told = func() bool {
			fake.happened <- struct{}{}
			was := tells()
			_ = read() // a reload follows
			return was
		}
		fake.services[0].Replicas = 7
		if told() {
			t.Error("a count is no label")
		}
		fake.services[0].Labels["com.docker.stack.image"] = "web:2"
		if told() {
			t.Error("the label of somebody else")
		}
		fake.services[0].Labels["flyball.max"] = "5"
		if !told() {
			t.Error("a changed label is not told")
		}
		fake.away = docker.ErrUnreachable
		if told() {
			t.Error("no answer is no change")
		}
		fake.away, fake.services = nil, nil
		if !told() {
			t.Error("a service that went is not told")
		}
	})
}
