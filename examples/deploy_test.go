package examples

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/deploy/stack"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/policy/learned/learnedtest"
	"github.com/flyball-io/flyball/workload"
)

// deployed is a stack that `flyball deploy` started on this engine. It ends
// with the test.
type deployed struct {
	*machine
	args []string // of deploy, but for what is done
	dir  string
	url  string
	http *http.Client // trusts the stack's certificate
}

// deploy applies a stack.
func (m *machine) deploy(orchestrator, environment string, args ...string) *deployed {
	m.t.Helper()
	d := &deployed{machine: m, dir: filepath.Join(m.t.TempDir(), "shop"), url: "http://localhost:8080/", http: &http.Client{Timeout: 10 * time.Second}}
	d.args = append([]string{"deploy", orchestrator, environment, "--dir", d.dir}, args...)
	m.t.Cleanup(func() {
		_ = exec.Command("docker", "compose", "-p", "shop", "down", "--volumes", "--timeout", "5").Run()
		_ = exec.Command("docker", "stack", "rm", "shop").Run()
	})
	if said := d.apply(); len(changing(said)) == 0 {
		m.t.Errorf("applied, it does not say what it starts:\n%s", said)
	}
	if pem, err := os.ReadFile(filepath.Join(d.dir, "tls", "tls.crt")); err == nil {
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(pem)
		d.url, d.http.Transport = "https://localhost:8080/", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, MaxIdleConnsPerHost: 100}
	}
	m.eventually("an answer through the balancer", patience, func() bool { return d.get(d.url) == http.StatusOK })
	return d
}

func (d *deployed) apply() string { return d.run(".", d.flyball(), append(d.args, "--apply")...) }

// get returns the status of an answer; 0 is none.
func (d *deployed) get(url string) int {
	answer, err := d.http.Get(url)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// scales sends somewhat more than the replicas carry, four requests at a time for
// 80 ms each, until there is one more of them, and it answers. No request fails.
func (d *deployed) scales(rate float64, filter string, answers func() bool) {
	d.t.Helper()
	before := len(d.containers(filter))
	ctx, cancel := context.WithCancel(d.t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		r, err := load.Run(ctx, load.Options{URL: d.url, Shape: workload.Constant{RPS: rate}, Seed: 7, Timeout: time.Minute, Transport: d.http.Transport})
		if err != nil || r.FailedRequests > 0 || r.Requests == 0 {
			d.t.Errorf("%d of %d requests failed: %v %v", r.FailedRequests, r.Requests, r.Errors, err)
		}
	})
	defer sending.Wait()
	defer cancel()
	d.eventually("one more replica", patience, func() bool { return len(d.containers(filter)) > before })
	d.eventually("it answers", patience, answers)
}

// changing is what Compose says of a container that it makes or starts; of one
// that stays as it is it says Running.
func changing(said string) []string {
	return regexp.MustCompile(`(?i)(recreate|creat|start)(d|ed|ing)\b`).FindAllString(said, -1)
}

// again applies the stack once more: it says that nothing changes, and nothing
// does.
func (d *deployed) again(containers func() []string) {
	d.t.Helper()
	before := containers()
	said := d.apply()
	if after := containers(); !slices.Equal(before, after) {
		d.t.Errorf("applied again, containers differ:\n%v\n%v", before, after)
	}
	if changed := changing(said); len(changed) > 0 {
		d.t.Errorf("applied again, it says %v:\n%s", changed, said)
	}
}

// delete takes the stack away, with everything it had.
func (d *deployed) delete(label string) {
	d.t.Helper()
	d.run(".", d.flyball(), append(d.args, "--delete")...)
	d.nothingLeft(label)
	if _, err := os.Stat(d.dir); !os.IsNotExist(err) {
		d.t.Errorf("the folder is left: %v", err)
	}
}

// scraped waits until Prometheus has a value of an expression.
func (d *deployed) scraped(expression string) {
	d.t.Helper()
	d.eventually("Prometheus has "+expression, patience, func() bool { return d.has(expression) })
}

// has reports whether Prometheus has a value of an expression. It publishes
// nothing, and is asked where the containers see it.
func (d *deployed) has(expression string) bool {
	address := strings.TrimSpace(d.docker(".", "inspect", "--format", `{{(index .NetworkSettings.Networks "shop_control").IPAddress}}`, "shop-prometheus-1"))
	answer, err := http.Get("http://" + address + ":9090/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var found struct {
		Data struct{ Result []json.RawMessage }
	}
	return json.NewDecoder(answer.Body).Decode(&found) == nil && len(found.Data.Result) > 0
}

// replicas is how many answer.
func (d *deployed) replicas() int {
	seen := map[string]bool{}
	for range 20 {
		if answer, err := d.http.Get(d.url); err == nil {
			answer.Body.Close()
			seen[answer.Header.Get("X-Replica")] = true
		}
	}
	return len(seen)
}

// An image of one's own behind Traefik.
func TestDeployedComposeBehindTraefik(t *testing.T) {
	m := newMachine(t, "traefik:v3.5")
	m.buildFlyball()
	m.Image(t, "shop/web:1.4", `ENV APP='{"slots":4,"linger":"2s"}'`)
	d := m.deploy("compose", "local", "--balancer", "traefik", "--image", "shop/web:1.4", "--port", "8080", "--health-path", "/healthz")
	d.scales(70, app, func() bool { return d.replicas() > 1 })
	d.scraped(`flyball_desired_replicas{target="shop"} > 1`)
	d.scraped(`sum(up{job="flyball-roles"}) == 4`)
	d.scraped(`sum(traefik_service_requests_total) > 0`)
	d.again(m.ids)
	d.delete(project)
}

// HAProxy, with a certificate that the stack made for itself.
func TestDeployedComposeBehindHAProxy(t *testing.T) {
	m := newMachine(t, "haproxy:3.0")
	m.buildFlyball()
	d := m.deploy("compose", "staging", "--balancer", "haproxy")
	d.scales(130, app, func() bool {
		return d.has(`count(haproxy_server_http_responses_total{proxy="app",code="2xx"} > 0) > 2`)
	})
	d.scraped(`flyball_desired_replicas{target="shop"} > 2`)
	d.scraped(`sum(up{job="flyball-roles"}) == 4`)
	d.again(m.ids)
	d.delete(project)
}

// What production promises is true of what runs.
func TestDeployedProductionIsAsRendered(t *testing.T) {
	m := newMachine(t, "nginx:1.28")
	m.buildFlyball()
	cert, key := certificate(t)
	d := m.deploy("compose", "production", "--tls-cert", cert, "--tls-key", key)
	all := m.containers(project)
	if len(all) != 10 { // nine services, two of the app
		t.Errorf("%d containers: %v", len(all), all)
	}
	for _, line := range all {
		m.leastPrivilege(line, false)
		id, name, _ := strings.Cut(line, " ")
		seen := m.docker(".", "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.LogConfig.Config}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", id)
		memory, cpus := 1<<30, "0"
		switch {
		case strings.HasPrefix(name, "shop-app-"):
			memory, cpus = 512<<20, "1000000000"
		case strings.HasPrefix(name, "shop-balancer-"):
			memory = 2 << 30
		}
		if want := fmt.Sprintf("always map[max-file:5 max-size:50m] %d %s\n", memory, cpus); seen != want {
			t.Errorf("%s: got %s, want %s", name, seen, want)
		}
	}
	d.scraped(`flyball_ready_replicas{target="shop"} == 2`)
	d.scraped(`sum(up{job="flyball-roles"}) == 4`)
	if status := d.get("https://localhost:7070/metrics"); status != http.StatusUnauthorized {
		t.Errorf("metrics without a token: got status %d, want 401", status)
	}
	d.again(m.ids)
	d.delete(project)
}

// certificate makes one as an authority would.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	staging, err := stack.EnvironmentNamed("staging")
	if err != nil {
		t.Fatal(err)
	}
	m, err := stack.NewMaterial(stack.Default(stack.Compose, staging), time.Now()) //nolint:forbidigo // a test of real time
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, data := range map[string][]byte{cert: m.Certificate, key: m.Key} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// The planner asks the policy of a container of its own, which serves a model. It
// decides by its own fallback while nobody answers there, and says why; once
// somebody does, by the answers again.
func TestComposeAsksTheServedPolicy(t *testing.T) {
	m := newMachine(t, "nginx:1.28")
	m.buildFlyball()
	model := filepath.Join(t.TempDir(), "web.flyball")
	if err := os.WriteFile(model, learnedtest.AsBase(t), 0o600); err != nil {
		t.Fatal(err)
	}
	d := m.deploy("compose", "local", "--serve-policy", "--policy-model", model)
	m.leastPrivilege(m.containers(policyContainer)[0], false)
	d.scraped(`flyball_policy_info{policy="learned"}`)
	d.eventually("an answer decides", patience, func() bool { return d.explains("RemoteAnswered") })
	d.docker(".", "kill", "shop-policy-1")
	d.eventually("the fallback decides, and why", patience, func() bool { return d.explains("RemoteSilent") && !d.explains("RemoteAnswered") })
	if status := d.get(d.url); status != http.StatusOK {
		t.Errorf("without the policy: status %d", status)
	}
	d.docker(".", "start", "shop-policy-1")
	d.eventually("answers decide again", patience, func() bool { return d.explains("RemoteAnswered") && !d.explains("RemoteSilent") })
	d.again(m.ids)
	d.delete(project)
}

// policyContainer is that of the served policy.
const policyContainer = "label=com.docker.compose.service=policy"

// explains reports whether the newest decision, with all that is said of it, holds
// a reason.
func (d *deployed) explains(reason string) bool {
	explain := exec.CommandContext(d.t.Context(), d.flyball(), "explain", "--json")
	explain.Env = append(os.Environ(), "FLYBALL_TOKEN="+d.token())
	out, err := explain.Output()
	return err == nil && strings.Contains(string(out), `"`+reason+`"`)
}

// token is that of people, as the stack's folder has it.
func (d *deployed) token() string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, ".env"))
	if err != nil {
		d.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^FLYBALL_TOKENS=admin:([^,]+),`).FindSubmatch(text)
	if found == nil {
		d.t.Fatal("the stack's folder has no token")
	}
	return string(found[1])
}
