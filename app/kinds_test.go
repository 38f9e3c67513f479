package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
	"github.com/google/go-cmp/cmp"
)

const containers = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop-web}
spec:
  target: {docker: {image: "shop:1", port: 8080, readiness: {path: /healthz}}}
  balancer: {builtin: {}}
  replicas: {min: 2, max: 8}
  objective: {latency: {threshold: 400ms, target: 99%}}
  policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}
`

// decode reads documents as flyball run does.
func decode(text string) ([]app.Spec, error) {
	plugins := builtin.New()
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text)}.Load([]string{"-"})
	if err != nil {
		return nil, err
	}
	return app.NewSpecs(docs, plugins)
}

// Any target goes behind any balancer, and each balancer learns what it can use.
func TestEveryTargetBehindEveryBalancer(t *testing.T) {
	for _, tc := range []struct{ balancer, signals string }{
		{"builtin: {}", "concurrency errorRate latency queueDepth requestRate violationRatio"},
		{"nginx: {}", "concurrency errorRate latency requestRate violationRatio"},
		{"haproxy: {}", "concurrency errorRate latency requestRate violationRatio"},
		{"traefik: {}", "concurrency errorRate latency openConnections requestRate violationRatio"},
	} {
		for _, document := range []string{shop, containers} {
			document = strings.Replace(document, "  balancer: {builtin: {}}\n", "", 1) + "  balancer: {" + tc.balancer + "}\n"
			specs, err := decode(document)
			if err != nil {
				t.Errorf("%s: %v", tc.balancer, err)
				continue
			}
			facts := specs[0].Balancer.Facts()
			if got := strings.Join(facts.Signals, " "); got != tc.signals || facts.Threshold.Std() != 400*time.Millisecond {
				t.Errorf("%s: got %s, good within %v", tc.balancer, got, facts.Threshold)
			}
		}
	}
}

// Faults that come of the two together name file, line and what is allowed.
func TestFaultsOfKinds(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	nginx := strings.NewReplacer("builtin: {}", "nginx: {}").Replace(containers)
	unreached := "-:6: spec.target.docker.port: must be given where a balancer sends requests"
	for name, tc := range map[string]struct{ document, want string }{
		"nobody wakes a service at zero": {strings.Replace(nginx, "min: 2", "min: 0", 1),
			"-:8: spec.replicas.min: must be at least 1 behind this balancer: it refuses requests while there is no replica, and what hpa decides on (concurrency) is measured of replicas alone"},
		"windows that keep few wake nobody": {timed(nginx, "{cron: '0 20 * * *', duration: 12h, max: 1}"),
			"-:8: spec.replicas.min: must be at least 1 behind this balancer: it refuses requests while there is no replica, and schedule knows no time at which it wants any"},
		"requests for containers without a port":         {strings.Replace(containers, ", port: 8080, readiness: {path: /healthz}", "", 1), unreached},
		"a stated balancer of containers without a port": {strings.NewReplacer(", port: 8080, readiness: {path: /healthz}", "", "  objective: {latency: {threshold: 400ms, target: 99%}}\n", "", "concurrency, averageValue", "cpuUtilization, averageUtilization").Replace(nginx), unreached},
		"a Compose service without a port": {strings.Replace(scaling("compose: {project: shop, service: np, port: 80}"), ", port: 80", "", 1),
			"spec.target.compose.port: must be given where a balancer sends requests"},
		"one port for many": {strings.Replace(containers, "port: 8080,", `port: 8080, address: published, publish: "9000-9001",`, 1),
			"-:8: spec.replicas.max: must be at most 2, got 8: the target publishes each replica at a port of its own"},
		"a signal of nobody's": {strings.Replace(nginx, "signal: concurrency", "signal: sessions", 1),
			`-:10: spec.policy.hpa: nobody measures the signal "sessions"; measured here: `},
		"nginx knows no queue": {strings.Replace(nginx, "signal: concurrency", "signal: queueDepth", 1),
			`nobody measures the signal "queueDepth"`},
		"an objective beyond what HAProxy counts": {strings.NewReplacer("builtin: {}", "haproxy: {}", "400ms", "2m").Replace(containers),
			"-:7: spec.balancer.haproxy.threshold: must be between 0 and 1m, got 2m"},
		"one upstream for two": {nginx + "---" + strings.Replace(nginx, "shop-web", "shop-api", 1),
			"spec.target: shop-api writes /etc/nginx/flyball/upstream.conf, and so does shop-web"},
		"one Traefik's configuration for two": {strings.Replace(nginx, "nginx: {}", "traefik: {}", 1) + "---" + strings.NewReplacer("nginx: {}", "traefik: {}", "shop-web", "shop-api").Replace(nginx),
			"shop-api serves the configuration of Traefik at 127.0.0.1:9071, and so does shop-web"},
		"one address for two": {containers + "---" + strings.Replace(containers, "shop-web", "shop-api", 1),
			"spec.target: shop-api takes requests at 127.0.0.1:8080, and so does shop-web"},
		"one backend for two": {strings.Replace(nginx, "nginx: {}", "haproxy: {}", 1) + "---" + strings.NewReplacer("nginx: {}", "haproxy: {}", "shop-web", "shop-api").Replace(nginx),
			"shop-api sets the servers of backend app at /run/haproxy/admin.sock, and so does shop-web"},
		"one Compose service for two": {scaling("compose: {project: shop, service: np, port: 80}"),
			"spec.target: shop-api scales the Compose service shop/np of the engine at unix:///var/run/docker.sock, and so does shop-web"},
		"one service of a swarm for two": {scaling("swarm: {service: shop_web, endpoint: 'tcp://manager:2375'}"),
			"spec.target: shop-api scales the service shop_web of the swarm at tcp://manager:2375, and so does shop-web"},
	} {
		if _, err := decode(tc.document); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}

// scaling are two documents that scale the same and meet nowhere else.
func scaling(target string) string {
	first := strings.NewReplacer("builtin: {}", "builtin: {listen: '127.0.0.1:0'}").Replace(containers)
	begin, rest, _ := strings.Cut(first, "  target:")
	_, rest, _ = strings.Cut(rest, "\n")
	first = begin + "  target: {" + target + "}\n" + rest
	return first + "---" + strings.Replace(first, "shop-web", "shop-api", 1)
}

// timed is a document at zero outside of windows.
func timed(document, windows string) string {
	return strings.NewReplacer("min: 2", "min: 0", "hpa: {metrics: [{signal: concurrency, averageValue: 3}]}", "schedule: {windows: ["+windows+"]}").Replace(document)
}

// A service that sleeps is woken by the time where times alone decide; where a
// policy within decides outside of windows, it takes a signal of others' as ever.
func TestTimesWake(t *testing.T) {
	nginx := strings.NewReplacer("builtin: {}", "nginx: {}").Replace(containers)
	document := timed(nginx, "{cron: '0 8 * * *', duration: 12h, min: 2}, {cron: '0 12 * * *', duration: 1h, max: 1}")
	if _, err := decode(document); err != nil {
		t.Error(err)
	}
	within := strings.Replace(document, "}]}", "}], of: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}}", 1)
	if _, err := decode(within); err == nil || !strings.Contains(err.Error(), "what schedule decides on (concurrency) is measured of replicas alone") {
		t.Errorf("with a policy within: %v, want that nothing wakes it at night", err)
	}
}

// What a target starts itself is its own, whoever is made of the same; so is a
// service that is of another project, or of another engine.
func TestTargetsThatDoNotMeet(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	for _, targets := range [][2]string{
		{"docker: {from: web, service: web, port: 80}", "docker: {from: web, service: web, port: 80}"},
		{"compose: {project: shop, service: np, port: 80}", "compose: {project: shop2, service: np, port: 80}"},
		{"compose: {project: shop, service: np, port: 80}", "compose: {project: shop, service: np, port: 80, endpoint: 'tcp://elsewhere:2375'}"},
	} {
		a, _, _ := strings.Cut(scaling(targets[0]), "---")
		_, b, _ := strings.Cut(scaling(targets[1]), "---")
		if _, err := decode(a + "---" + b); err != nil {
			t.Errorf("%v: %v", targets, err)
		}
	}
}

// Two balancers that are told apart do not meet, although neither says where it
// listens.
func TestTwoServicesBehindOneNginx(t *testing.T) {
	other := strings.NewReplacer("shop-web", "shop-api", "builtin: {}", `nginx: {include: /etc/nginx/flyball/api.conf, upstream: api, log: {file: /var/log/nginx/api.log}}`)
	if _, err := decode(strings.Replace(containers, "builtin: {}", "nginx: {}", 1) + "---" + other.Replace(containers)); err != nil {
		t.Error(err)
	}
}

// What is not there is said with its field, before anything runs.
func TestAnNginxThatIsNotThere(t *testing.T) {
	specs, err := decode(strings.Replace(containers, "builtin: {}", "nginx: {program: no-such-nginx}", 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := specs[0].Check(); err == nil || !strings.Contains(err.Error(), `-:7: spec.balancer.nginx.program: exec: "no-such-nginx"`) {
		t.Errorf("got %v, want the program with its line", err)
	}
}

// Containers can be opened without an engine: one that is away is waited for.
// The balancer within this process takes its address at once and gives it back.
func TestPartsOfContainers(t *testing.T) {
	specs, err := decode(strings.Replace(containers, "builtin: {}", `builtin: {listen: "127.0.0.1:0", holdTimeout: 10ms}`, 1))
	if err != nil {
		t.Fatal(err)
	}
	deps := app.Deps{Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir()}
	parts, err := app.Opener(deps, nil)(t.Context(), specs[0])
	if diff := cmp.Diff("containers of shop:1", parts.Kind); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- parts.Plane.Run(ctx) }()
	address := parts.Plane.(interface{ Address() string }).Address()
	answer, err := http.Get("http://" + address)
	if answer != nil {
		answer.Body.Close()
	}
	cancel()
	if ended := <-ended; ended != nil || err != nil {
		t.Errorf("got %v and %v, want an answer and an end", err, ended)
	}
}

// borrowed is a target whose replicas belong to somebody else.
type borrowed struct{ target.Managed }

// Only what is the controller's ends with it, whatever it is told to do with its
// replicas.
func TestReplicasOfSomebodyElseStay(t *testing.T) {
	spec := load(t, shop)
	spec.Initial, spec.Balancer.(*proxy.Config).Listen = 2, "127.0.0.1:0"
	deps := app.Deps{Bus: memory.New(), Clock: clock.System, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir(), DieWithController: true}
	parts, err := app.Opener(deps, nil)(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	ours := parts.Target
	parts.Target = borrowed{ours}
	s, err := app.NewServiceOf(t.Context(), spec, parts, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ours.(target.Stopper).Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func() app.Ending { return app.Ending{StopReplicas: true, Hurry: context.Background()} })
	}()
	count := func() int {
		status, err := ours.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(status.Replicas)
	}
	for over := clock.System.After(20 * time.Second); count() != 2; {
		select {
		case <-over:
			t.Fatal("no replicas")
		case <-clock.System.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil || count() != 2 {
		t.Errorf("got %v and %d replicas, want them to stay", err, count())
	}
}

// Workers need no port: nobody sends them requests, although every document has
// a balancer.
func TestWorkersNeedNoPort(t *testing.T) {
	workers := strings.NewReplacer("port: 8080, readiness: {path: /healthz}", "", "  objective: {latency: {threshold: 400ms, target: 99%}}\n", "",
		"concurrency, averageValue: 3", "cpuUtilization, averageUtilization: 60").Replace(containers)
	for name, document := range map[string]string{
		"by what they use":         workers,
		"somebody else sends some": strings.Replace(workers, "builtin: {}", "none: {}", 1),
	} {
		if _, err := decode(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
