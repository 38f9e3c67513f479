package stack

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
)

var update = flag.Bool("update", false, "write the golden files anew")

// known is material that is the same in every test.
func known(o Options) Material {
	m := Material{RedisPassword: "redis-secret", Token: "admin-secret-of-the-api", PrometheusToken: "prometheus-secret", GrafanaPassword: "grafana-secret"}
	if o.encrypted() {
		m.Certificate, m.Key = []byte("certificate\n"), []byte("key\n")
	}
	return m
}

// each runs a test for every stack there is.
func each(t *testing.T, test func(t *testing.T, o Options)) {
	t.Helper()
	for _, orchestrator := range Orchestrators() {
		for _, environment := range Environments() {
			for _, balancer := range Balancers() {
				for _, image := range []string{"", "registry.example.com/shop/web:1.4"} {
					o := Default(orchestrator, environment)
					o.Balancer, o.AppImage, o.SocketGID = balancer, image, 105
					t.Run(strings.Join([]string{orchestrator, environment.Name, balancer, "image=" + image}, " "), func(t *testing.T) { test(t, o) })
				}
			}
		}
	}
}

func rendered(t *testing.T, o Options) []File {
	t.Helper()
	files, err := Render(o, known(o))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// parsed is the main file as any reader of YAML sees it.
func parsed(t *testing.T, o Options) map[string]any {
	t.Helper()
	return parsedOf(t, rendered(t, o))
}

func parsedOf(t *testing.T, files []File) map[string]any {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal(files[0].Data, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func servicesIn(t *testing.T, files []File) map[string]map[string]any {
	t.Helper()
	return servicesOf(t, parsedOf(t, files))
}

func servicesOf(t *testing.T, file map[string]any) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for name, body := range file["services"].(map[string]any) {
		all[name] = body.(map[string]any)
	}
	return all
}

// What a user gets, to be read in a review.
func TestStacksAreTheGoldenOnes(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		for _, environment := range Environments() {
			o := Default(orchestrator, environment)
			o.SocketGID = 105
			for _, f := range rendered(t, o) {
				if f.Secret || strings.HasPrefix(f.Path, "grafana/") || f.Path == "prometheus/alerts.yaml" {
					continue
				}
				golden(t, filepath.Join("testdata", orchestrator+"-"+environment.Name, f.Path), f.Data)
			}
		}
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (go test ./deploy/stack -update writes it anew; -want +got):\n%s", file, diff)
	}
}

func TestRenderingAgainChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		if !reflect.DeepEqual(rendered(t, o), rendered(t, o)) {
			t.Error("two renderings differ")
		}
	})
}

// A secret stands in files that are marked as such, and nowhere else.
func TestSecretsAreInSecretFilesOnly(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		for _, f := range rendered(t, o) {
			if !f.Secret && strings.Contains(string(f.Data), "-secret") {
				t.Errorf("%s holds a secret", f.Path)
			}
		}
	})
}

// Every file that the main one names is there, and none beside.
func TestEveryFileIsNamedAndEveryNameIsAFile(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		files, file := map[string]bool{}, parsed(t, o)
		for _, f := range rendered(t, o)[1:] {
			files["./"+f.Path] = true
		}
		delete(files, "./.env") // Compose reads it by itself
		for _, kind := range []string{"configs", "secrets"} {
			all, _ := file[kind].(map[string]any)
			for name, body := range all {
				path := body.(map[string]any)["file"].(string)
				if !files[path] {
					t.Errorf("%s %s: there is no file %s", kind, name, path)
				}
				delete(files, path)
			}
		}
		if files["./balancer.Containerfile"] == (o.Balancer == Builtin) {
			t.Errorf("balancer.Containerfile: there %v with balancer %s", files["./balancer.Containerfile"], o.Balancer)
		}
		delete(files, "./balancer.Containerfile")
		for path := range files {
			t.Errorf("%s is read by nobody", path)
		}
	})
}

// Compose itself takes every file.
func TestComposeTakesEveryStack(t *testing.T) {
	testenv.Long(t)
	compose := testenv.Built(t, "compose")
	each(t, func(t *testing.T, o Options) {
		if o.Orchestrator != Compose {
			return // examples deploys the others
		}
		dir := filepath.Join(t.TempDir(), "shop")
		if err := Write(dir, rendered(t, o), known(o)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(compose, "config", "--quiet")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func TestHowManyThereAreIsKept(t *testing.T) {
	o := Default(Swarm, Environments()[0])
	o.AppReplicas = 3
	replicas := servicesOf(t, parsed(t, o))[appService]["deploy"].(map[string]any)["replicas"]
	if replicas != 3 {
		t.Errorf("deployed again while there are 3: got replicas %v", replicas)
	}
}

// Whoever has longer streams says it once: balancers and replicas wait as long as
// that, and their containers are given longer.
func TestEverythingWaitsForTheLongestRequest(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		for _, balancer := range Balancers() {
			o := Default(orchestrator, Environments()[0])
			o.Balancer, o.DrainTimeout = balancer, scale.Duration(5*time.Minute)
			files := rendered(t, o)
			services := servicesIn(t, files)
			if app, front := services[appService]["stop_grace_period"], services["balancer"]["stop_grace_period"]; app != "5m" || front != "5m10s" {
				t.Errorf("%s, %s: app and balancer are given %v and %v, want 5m and 5m10s", orchestrator, balancer, app, front)
			}
			want := 0 // in the document: of the target, and of the balancer that is configured there
			if orchestrator == Compose {
				want++
			}
			if balancer == Builtin {
				want++
			}
			if document := contentOf(files, "flyball/service.yaml"); strings.Count(document, "drainTimeout: 5m\n") != want {
				t.Errorf("%s, %s: want drainTimeout %d times:\n%s", orchestrator, balancer, want, document)
			}
			if command := asText(t, services["balancer"]["command"]); strings.Contains(command, `"--drain-timeout","5m"`) == (balancer == Builtin) {
				t.Errorf("%s, %s: the balancer is started by %s", orchestrator, balancer, command)
			}
		}
	}
}

// A swarm publishes on every address: what has a password is published where it is
// encrypted, or where somebody has said so.
func TestPagesOfASwarmInClearAreAskedFor(t *testing.T) {
	o := Default(Swarm, Environments()[0])
	for _, asked := range []bool{false, true} {
		o.PublishPages = asked
		services := servicesIn(t, rendered(t, o))
		for _, name := range []string{"dashboard", "grafana"} {
			if published := services[name]["ports"] != nil; published != asked {
				t.Errorf("asked for %v: %s is published: %v", asked, name, published)
			}
		}
		if hidden := o.Hidden() != ""; hidden == asked {
			t.Errorf("asked for %v: told %q", asked, o.Hidden())
		}
		if services["balancer"]["ports"] == nil {
			t.Error("nobody reaches the service")
		}
	}
}

func TestFaultsNameTheirFlag(t *testing.T) {
	local, production := Environments()[0], Environments()[2]
	for _, tc := range []struct {
		name   string
		change func(*Options, *Material)
		want   string
	}{
		{"a balancer that is not there", func(o *Options, _ *Material) { o.Balancer = "envoy" }, "--balancer: must be one of nginx, haproxy, traefik, builtin"},
		{"a name that is no project", func(o *Options, _ *Material) { o.Name = "My Shop" }, "--name: must be small letters"},
		{"an image that would be YAML", func(o *Options, _ *Material) { o.AppImage = "web\nprivileged: true" }, "--image: must be the name of an image"},
		{"a port that is none", func(o *Options, _ *Material) { o.AppPort = 70000 }, "--port: must be 1 to 65535, got 70000"},
		{"the dashboard's port", func(o *Options, _ *Material) { o.Published = 7070 }, "--publish: 7070 is that of the dashboard"},
		{"a drain that is shorter than what waits by itself", func(o *Options, _ *Material) { o.DrainTimeout = scale.Duration(29 * time.Second) }, "--drain-timeout: must be whole seconds, at least 30s, got 29s"},
		{"a drain of half a second", func(o *Options, _ *Material) { o.DrainTimeout += scale.Duration(time.Second / 2) }, "--drain-timeout: must be whole seconds"},
		{"pages of Compose", func(o *Options, _ *Material) { o.PublishPages = true }, "--publish-pages: is for a swarm without TLS"},
		{"a path with a quote", func(o *Options, _ *Material) { o.HealthPath = `/a"b` }, "--health-path: must begin with /"},
		{"a domain without traefik", func(o *Options, _ *Material) { o.ACMEDomain = "a.example" }, "only traefik gets certificates"},
		{"production without certificate", func(o *Options, m *Material) { o.Environment, m.Certificate, m.Key = production, nil, nil }, "production serves with TLS: name --tls-cert and --tls-key"},
		{"half a certificate", func(_ *Options, m *Material) { m.Certificate = []byte("c") }, "--tls-cert and --tls-key: name both or none"},
	} {
		o := Default(Compose, local)
		m := known(o)
		tc.change(&o, &m)
		if _, err := Render(o, m); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestTheTableInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), Table()) {
		t.Errorf("docs/deploy.md does not hold this table of environments:\n%s", Table())
	}
}
