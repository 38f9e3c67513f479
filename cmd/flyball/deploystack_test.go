package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/deploy/stack"
)

// eachStack renders every stack of the sample app.
func eachStack(t *testing.T, test func(t *testing.T, o stack.Options, files []stack.File)) {
	t.Helper()
	for _, orchestrator := range stack.Orchestrators() {
		for _, environment := range stack.Environments() {
			for _, balancer := range stack.Balancers() {
				o := stack.Default(orchestrator, environment)
				o.Balancer = balancer
				m := stack.Material{RedisPassword: "r", Token: "t", PrometheusToken: "p", GrafanaPassword: "g"}
				if environment.TLS != stack.NoTLS {
					m.Certificate, m.Key = []byte("c"), []byte("k")
				}
				files, err := stack.Render(o, m)
				if err != nil {
					t.Fatal(err)
				}
				t.Run(strings.Join([]string{orchestrator, environment.Name, balancer}, " "), func(t *testing.T) { test(t, o, files) })
			}
		}
	}
}

// Every container of Flyball's is started with a command and flags that exist.
func TestStacksNameCommandsAndFlagsThatExist(t *testing.T) {
	eachStack(t, func(t *testing.T, o stack.Options, files []stack.File) {
		var file struct {
			Services map[string]struct {
				Image   string
				Command []string
			}
		}
		if err := yaml.Unmarshal(files[0].Data, &file); err != nil {
			t.Fatal(err)
		}
		checked := 0
		for name, s := range file.Services {
			if !strings.HasPrefix(s.Image, "flyball") && name != "balancer" {
				continue
			}
			own := s.Command
			if at := slices.Index(s.Command, "--"); at >= 0 {
				commandExists(t, name, s.Command[:at])
				own = s.Command[at+1:]
			}
			commandExists(t, name, own)
			checked++
		}
		want := 6 // app, balancer, monitor, planner, executor, dashboard
		if o.Orchestrator == stack.Swarm {
			want++ // agent
		}
		if checked != want {
			t.Errorf("%d services of Flyball's, want %d", checked, want)
		}
	})
}

func commandExists(t *testing.T, service string, args []string) {
	t.Helper()
	cmd, rest, err := newRootCommand().Find(args)
	if err != nil || cmd.Name() != args[0] {
		t.Errorf("%s: %q: %v, want a command of flyball", service, args, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: %q: %v", service, args, err)
	}
}

// What the roles are told is a right document.
func TestDocumentsOfStacksAreRight(t *testing.T) {
	eachStack(t, func(t *testing.T, _ stack.Options, files []stack.File) {
		at := slices.IndexFunc(files, func(f stack.File) bool { return f.Path == "flyball/service.yaml" })
		path := filepath.Join(t.TempDir(), "service.yaml")
		if err := os.WriteFile(path, files[at].Data, 0o600); err != nil {
			t.Fatal(err)
		}
		plugins := builtin.New()
		docs, err := v1alpha1.Loader{Plugins: plugins}.Load([]string{path})
		if err != nil {
			t.Fatalf("%v\n%s", err, files[at].Data)
		}
		if _, err := app.NewSpecs(docs, plugins); err != nil {
			t.Errorf("%v\n%s", err, files[at].Data)
		}
	})
}

// fakeDocker puts a docker in the path that notes how it is called, and
// answers what it is told for how the call begins.
func fakeDocker(t *testing.T, answers map[string]string) (calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	script := "#!/bin/sh\necho \"$@\" >> " + log + "\ncase \"$*\" in\n"
	for begin, answer := range answers {
		script += fmt.Sprintf("'%s'*) printf '%%s\\n' '%s';;\n", begin, answer)
	}
	// The usual ports are the stack's own: who else of this machine holds them is
	// not to matter.
	script += "'ps --filter '*.Ports*) echo '127.0.0.1:8080->8080/tcp, 127.0.0.1:7070->7070/tcp, 127.0.0.1:3000->3000/tcp';;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() []string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

func deployed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"deploy"}, args...))
	root.SetOut(&out)
	root.SetErr(&errs)
	if err := root.Execute(); err != nil {
		t.Fatalf("deploy %q: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

// Deployed again, a stack has the replicas that Flyball gave it meanwhile.
func TestApplyAgainKeepsWhatFlyballAdded(t *testing.T) {
	for orchestrator, answers := range map[string]map[string]string{
		"compose": {"ps -q": "one two three"},
		"swarm":   {"service inspect shop_app": "3"},
	} {
		dir := filepath.Join(t.TempDir(), "shop")
		calls := fakeDocker(t, answers)
		deployed(t, orchestrator, "local", "--apply", "--dir", dir)
		file := filepath.Join(dir, stack.Main(orchestrator))
		if text := readFile(t, file); !strings.Contains(text, "replicas: 3") {
			t.Errorf("%s: not begun with the 3 there are:\n%s", orchestrator, text)
		}
		last := calls()[len(calls())-1]
		want := map[string]string{"compose": "-p shop up -d --build --remove-orphans", "swarm": "stack deploy --prune --resolve-image changed -c " + file + " shop"}[orchestrator]
		if !strings.HasSuffix(last, want) {
			t.Errorf("%s: docker %s, want it to end in %s", orchestrator, last, want)
		}
	}
}

// A stack that is taken away leaves neither volumes nor files.
func TestDeleteTakesAwayVolumesAndFiles(t *testing.T) {
	for orchestrator, end := range map[string]string{"compose": "compose -p shop down --remove-orphans", "swarm": "stack rm shop"} {
		dir := filepath.Join(t.TempDir(), "shop")
		calls := fakeDocker(t, map[string]string{"volume ls -q": "shop_redis"})
		deployed(t, orchestrator, "staging", "--dir", dir)
		deployed(t, orchestrator, "staging", "--delete", "--keep-data", "--dir", dir)
		if all := slices.DeleteFunc(calls(), asks); !slices.Equal(all, []string{end}) {
			t.Errorf("%s --keep-data: docker %q, want %q alone", orchestrator, all, end)
		}
		deployed(t, orchestrator, "staging", "--delete", "--dir", dir)
		if all := calls(); !slices.Contains(all, end) || !slices.Contains(all, "volume rm shop_redis") {
			t.Errorf("%s: docker %q", orchestrator, all)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: %s is left (%v)", orchestrator, dir, err)
		}
	}
}

// asks reports a call that changes nothing.
func asks(call string) bool {
	return slices.ContainsFunc([]string{"ps ", "volume ls ", "service ls ", "service inspect "}, func(begin string) bool { return strings.HasPrefix(call, begin) })
}

// All environments have one name, and so may a project of the user's: what is
// of another one is neither changed nor taken away.
func TestDeployLeavesWhatIsNotOfThisStack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	for _, tc := range []struct {
		name, orchestrator string
		answers            map[string]string
		want               string // "" is let do
	}{
		{"its own", "compose", map[string]string{"ps -a": "shop-app-1\tlocal\t" + dir + "\t" + dir, "volume ls --": "shop_redis\tlocal\t" + dir + "\t"}, ""},
		{"its own, started by hand", "swarm", map[string]string{"service ls": "one", "service inspect --": "shop_app\tlocal\t\t"}, ""},
		{"another environment", "compose", map[string]string{"ps -a": "shop-app-1\tproduction\t/srv/shop\t/srv/shop"}, "shop: the container shop-app-1 is of the environment production in /srv/shop, and this is local; nothing was changed"},
		{"another folder", "compose", map[string]string{"ps -a": "shop-app-1\tlocal\t/srv/shop\t/srv/shop"}, "is of a stack in /srv/shop, and this is one in " + dir},
		{"the example in another folder", "compose", map[string]string{"ps -a": "shop-app-1\tlocal\t\t/srv/examples"}, "is of a stack in /srv/examples"},
		{"a project of the user's", "compose", map[string]string{"ps -a": "shop-web-1\t\t\t/home/anna/shop"}, "shop: the container shop-web-1 is of somebody else's project of this name in /home/anna/shop"},
		{"volumes that were kept", "compose", map[string]string{"volume ls --": "shop_redis\tproduction\t/srv/shop\t"}, "the volume shop_redis is of the environment production"},
		{"a stack of another environment", "swarm", map[string]string{"service ls": "one two", "service inspect --": "shop_app\tproduction\t/srv/shop\t"}, "the service shop_app is of the environment production in /srv/shop"},
		{"a stack of the user's", "swarm", map[string]string{"service ls": "one", "service inspect --": "shop_web\t\t\t"}, "the service shop_web is of somebody else's stack of this name"},
		{"volumes of a stack", "swarm", map[string]string{"volume ls --": "shop_redis\tproduction\t/srv/shop\t"}, "the volume shop_redis is of the environment production"},
	} {
		for _, do := range []string{"--apply", "--delete"} {
			calls := fakeDocker(t, tc.answers)
			root := newRootCommand()
			root.SetArgs([]string{"deploy", tc.orchestrator, "local", do, "--dir", dir})
			root.SetErr(&bytes.Buffer{})
			root.SetOut(&bytes.Buffer{})
			err := root.Execute()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s, %s: %v, want %q", tc.name, do, err, tc.want)
			}
			if done := slices.DeleteFunc(calls(), asks); tc.want != "" && len(done) > 0 {
				t.Errorf("%s, %s: docker %q", tc.name, do, done)
			}
			if _, err := os.Stat(dir); tc.want != "" && err == nil {
				t.Errorf("%s, %s: the folder was written", tc.name, do)
			}
		}
	}
}

// What is printed may be shown to anybody.
func TestPrintingShowsNoSecret(t *testing.T) {
	text := deployed(t, "swarm", "staging")
	if strings.Contains(text, "PRIVATE KEY") || !strings.Contains(text, "# ---- tls/tls.key\n(a secret") || !strings.Contains(text, "# ---- stack.yaml\n") {
		t.Errorf("printed:\n%s", text)
	}
}

// What is not published is not said to be at an address, but how it would be.
func TestDeploySaysWhereToLook(t *testing.T) {
	for args, want := range map[string]string{
		"compose local":               "dashboard  http://localhost:7070/",
		"swarm local":                 "--publish-pages, or until the next --apply docker service update --publish-add mode=host,target=7070,published=7070 shop_dashboard\n",
		"swarm local --publish-pages": "dashboard  http://localhost:7070/",
		"swarm staging":               "dashboard  https://localhost:7070/",
	} {
		fakeDocker(t, nil)
		out := deployed(t, append(strings.Fields(args), "--apply", "--dir", filepath.Join(t.TempDir(), "shop"))...)
		if !strings.Contains(out, want) || !strings.Contains(out, "service    http") || strings.Contains(want, "localhost") == strings.Contains(out, "not published") {
			t.Errorf("%s: said %s, want %q", args, out, want)
		}
	}
}

func TestDeployRefusesWhatItCannotMean(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "deploy takes an orchestrator (compose or swarm) and an environment"},
		{[]string{"nomad"}, "deploy: must be one of compose, swarm, kubernetes, got \"nomad\""},
		{[]string{"compose", "prod"}, "environment: must be one of local, staging, production"},
		{[]string{"compose", "--apply", "--delete"}, "--apply and --delete exclude each other"},
		{[]string{"compose", "--apply", "--keep-data"}, "--keep-data: is for --delete"},
		{[]string{"compose", "--publish-pages"}, "--publish-pages: is for a swarm without TLS"},
		{[]string{"compose", "--drain-timeout", "5s"}, "--drain-timeout: must be whole seconds, at least 30s, got 5s"},
		{[]string{"compose", "production"}, "production serves with TLS: name --tls-cert"},
		{[]string{"compose", "staging", "--tls-cert", "no-such-file", "--tls-key", "x"}, "--tls-cert, --tls-key: open no-such-file"},
	} {
		root := newRootCommand()
		root.SetArgs(append([]string{"deploy"}, tc.args...))
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("deploy %q: %v, want %q", tc.args, err, tc.want)
		}
	}
}
