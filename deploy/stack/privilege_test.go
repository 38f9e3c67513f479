package stack

import (
	"slices"
	"strings"
	"testing"
)

// The socket of the engine is as good as root: one service has it.
func TestOnlyTheExecutorHasTheSocket(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		all := servicesOf(t, parsed(t, o))
		for name, s := range all {
			has := strings.Contains(asText(t, s), "docker.sock")
			if has != (name == "executor") {
				t.Errorf("%s: has the socket: %v", name, has)
			}
		}
		volumes := all["executor"]["volumes"].([]any)
		if !slices.Contains(volumes, any("/var/run/docker.sock:/var/run/docker.sock")) {
			t.Errorf("executor: the socket is not mounted in short form: %v", volumes)
		}
	})
}

// Nothing has more than it needs. Of the user's image we know nothing: it only
// cannot gain privileges.
func TestEveryServiceHasTheLeastPrivilege(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		for name, s := range servicesOf(t, parsed(t, o)) {
			if o.Orchestrator == Compose && !has(s["security_opt"], "no-new-privileges:true") {
				t.Errorf("%s: may gain privileges", name)
			}
			for _, open := range []string{"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "userns_mode"} {
				if _, there := s[open]; there {
					t.Errorf("%s: has %s", name, open)
				}
			}
			if name == appService && o.AppImage != "" {
				continue
			}
			if s["read_only"] != true {
				t.Errorf("%s: can write to its root", name)
			}
			if !has(s["cap_drop"], "ALL") {
				t.Errorf("%s: keeps capabilities", name)
			}
			if user, _ := s["user"].(string); user == "" || strings.HasPrefix(user, "0:") || strings.HasPrefix(user, "root") {
				t.Errorf("%s: is root (user %q)", name, user)
			}
		}
	})
}

// Where nobody knows the socket's group the executor is root without a single
// capability; nobody else is.
func TestWithoutTheSocketsGroupOnlyTheExecutorIsRoot(t *testing.T) {
	for _, orchestrator := range Orchestrators() {
		o := Default(orchestrator, Environments()[0])
		for name, s := range servicesOf(t, parsed(t, o)) {
			if root := s["user"] == "0:0"; root != (name == "executor") {
				t.Errorf("%s %s: user %v", orchestrator, name, s["user"])
			}
		}
		if s := servicesOf(t, parsed(t, o))["executor"]; !has(s["cap_drop"], "ALL") || s["read_only"] != true {
			t.Errorf("%s: an executor that is root keeps more than its user: %v", orchestrator, s)
		}
	}
}

// The host's files are shown to the agent alone, and not to be written.
func TestOnlyTheAgentSeesTheHost(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		for name, s := range servicesOf(t, parsed(t, o)) {
			volumes, _ := s["volumes"].([]any)
			for _, v := range volumes {
				mount, short := v.(string)
				if !short || !strings.HasPrefix(mount, "/") || name == "executor" {
					continue
				}
				if name != agentService || !strings.HasSuffix(mount, ":ro") {
					t.Errorf("%s mounts %s of the host", name, mount)
				}
			}
		}
	})
}

// The bus and its password are where users' requests do not come.
func TestTheAppDoesNotReachTheBus(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		file := parsed(t, o)
		all := servicesOf(t, file)
		if has(all[appService]["networks"], controlNetwork) || !has(all["redis"]["networks"], controlNetwork) || len(all["redis"]["networks"].([]any)) != 1 {
			t.Errorf("app is in %v, redis in %v", all[appService]["networks"], all["redis"]["networks"])
		}
		internal := file["networks"].(map[string]any)[controlNetwork].(map[string]any)["internal"]
		if internal != true {
			t.Errorf("the control network reaches further")
		}
		for name, s := range all {
			if _, publishes := s["ports"]; publishes && !slices.Contains([]string{"balancer", "dashboard", "grafana"}, name) {
				t.Errorf("%s publishes %v", name, s["ports"])
			}
		}
	})
}

func has(list any, want string) bool {
	all, _ := list.([]any)
	return slices.Contains(all, any(want))
}

// Whoever a service is, its secrets are its own: without capabilities not even
// root reads those of others.
func TestSecretsBelongToTheUserOfTheirService(t *testing.T) {
	for _, gid := range []int{-1, 105} {
		o := Default(Swarm, Environments()[1])
		o.SocketGID = gid
		seen := 0
		for name, s := range servicesOf(t, parsed(t, o)) {
			user, _, _ := strings.Cut(s["user"].(string), ":")
			secrets, _ := s["secrets"].([]any)
			for _, one := range secrets {
				seen++
				if secret := one.(map[string]any); secret["uid"] != user || secret["mode"] != 0o400 {
					t.Errorf("%s is user %s and is shown %v", name, user, secret)
				}
			}
		}
		if seen < 8 {
			t.Errorf("only %d secrets seen", seen)
		}
	}
}

// Every role shows its own metrics to Prometheus, whose token alone it knows, and
// Prometheus asks all of them.
func TestEveryRoleIsMeasuredByPrometheusAlone(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		all := servicesOf(t, parsed(t, o))
		var scraped string
		for _, f := range rendered(t, o) {
			if f.Path == "prometheus/prometheus.yml" {
				scraped = string(f.Data)
			}
		}
		roles := 0
		for name, s := range all {
			text := asText(t, s)
			if !strings.Contains(text, "--roles") {
				continue
			}
			roles++
			if !has(s["command"], "0.0.0.0:7070") || !strings.Contains(scraped, name+":7070") {
				t.Errorf("%s: serves no metrics, or nobody asks for them: %v\n%s", name, s["command"], scraped)
			}
			_, published := s["ports"]
			people := strings.Contains(text, `"FLYBALL_TOKENS":"${FLYBALL_TOKENS`) || strings.Contains(text, `"source":"tokens"`)
			if people != (name == "dashboard") {
				t.Errorf("%s: knows people's tokens: %v", name, people)
			}
			if published && name != "dashboard" && strings.Contains(asText(t, s["ports"]), "7070") {
				t.Errorf("%s: publishes its metrics: %v", name, s["ports"])
			}
		}
		if roles != 5 {
			t.Errorf("%d roles, want 5", roles)
		}
	})
}
