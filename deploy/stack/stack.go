// Package stack writes everything that a service needs to be scaled on Docker:
// a Compose file or a Swarm stack with the app, its balancer, Flyball's roles,
// Redis, Prometheus and Grafana, and the files these read.
//
// It is for people who have none of it. Rendering is pure: what is random or
// read from disks comes in as [Material], so the same options give the same
// bytes, and deploying again changes nothing. What a container may do is
// decided in one place, harden.go; how environments differ in one table,
// environments.go.
package stack

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Orchestrators that run a stack.
const (
	Compose = "compose"
	Swarm   = "swarm"
)

// Balancers that carry its requests.
const (
	Builtin = "builtin"
	Nginx   = "nginx"
	HAProxy = "haproxy"
	Traefik = "traefik"
)

// Orchestrators lists them.
func Orchestrators() []string { return []string{Compose, Swarm} }

// Balancers lists them.
func Balancers() []string { return []string{Nginx, HAProxy, Traefik, Builtin} }

// Labels of services and volumes that say whose they are. All environments
// have one name for the project, and so has who named his own like it.
const (
	EnvironmentLabel = "flyball.io/environment"
	FolderLabel      = "flyball.io/folder" // an absolute path, where it is known
)

// Options say which stack is wanted.
type Options struct {
	Orchestrator string
	Environment  Environment
	Name         string // of the project or stack, and of the scaled service in documents
	Balancer     string
	// AppImage is the user's; "" runs Flyball's sample app. AppPort is where it listens.
	AppImage string
	AppPort  int
	// HealthPath is that of a GET which a ready replica answers with 2xx.
	HealthPath string
	// AppReplicas is how many there are now, so that deploying again changes
	// nothing; 0 starts with the fewest.
	AppReplicas int
	// Published is the port under which users reach the service.
	Published int
	// DashboardPort and GrafanaPort are those of the host under which these two are
	// published, where they are.
	DashboardPort, GrafanaPort int
	// PublishPages lets a swarm publish dashboard and Grafana unencrypted, on
	// every address of a node.
	PublishPages bool
	// DrainTimeout is the longest that a request may take to finish on what ends,
	// a replica or the balancer: 30 s or more.
	DrainTimeout scale.Duration
	FlyballImage string
	// BalancerImage is nginx's, HAProxy's or Traefik's; "" takes the one that is
	// tested.
	BalancerImage string
	// Socket is the engine's socket on the host.
	Socket string
	// SocketGID is the group that may use the engine's socket; below 0 nobody
	// knows, and the executor is root without any capability.
	SocketGID int
	// Folder is the absolute path of the stack's own; "" is nobody's. Two stacks
	// of one name are told apart by it and by their environment.
	Folder string
	// KnownSecrets says that everybody knows the secrets, as those of the
	// repository: what they protect is not published beyond this machine.
	KnownSecrets bool
	// BuildContext is the folder of Flyball's sources, for a stack that builds
	// its images; "" takes images that are there.
	BuildContext string
	// ServePolicy asks the policy of a container of its own.
	ServePolicy bool
	// PolicyModel is the file of the model that it serves; empty: predictive.
	PolicyModel []byte
	// ACMEDomain and ACMEEmail let Traefik get its certificate by itself.
	ACMEDomain, ACMEEmail string
}

// Default returns the options of a stack of the sample app.
func Default(orchestrator string, environment Environment) Options {
	balancer := Nginx
	if orchestrator == Swarm {
		balancer = Builtin // needs no image but Flyball's: a stack cannot build one
	}
	return Options{
		Orchestrator: orchestrator, Environment: environment, Name: "shop", Balancer: balancer,
		AppPort: 8080, HealthPath: "/healthz", Published: 8080, DashboardPort: dashboardPort, GrafanaPort: grafanaPort, FlyballImage: "flyball:latest", Socket: socket, SocketGID: -1,
		DrainTimeout: shortestDrain,
	}
}

// What is written into YAML and into command lines of containers.
var (
	names  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)
	images = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_./:@-]*$`)
	paths  = regexp.MustCompile(`^/[A-Za-z0-9_./~-]*$`)
	domain = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	email  = regexp.MustCompile(`^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+$`)
)

// Validate reports every fault, by the flag that mends it.
func (o Options) Validate() error {
	var errs []error
	check := func(fine bool, format string, args ...any) {
		if !fine {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(slices.Contains(Orchestrators(), o.Orchestrator), "deploy: must be one of %s, kubernetes, got %q", strings.Join(Orchestrators(), ", "), o.Orchestrator)
	check(slices.Contains(Balancers(), o.Balancer), "--balancer: must be one of %s, got %q", strings.Join(Balancers(), ", "), o.Balancer)
	check(names.MatchString(o.Name), "--name: must be small letters, digits and -, at most 31, got %q", o.Name)
	check(o.AppImage == "" || images.MatchString(o.AppImage), "--image: must be the name of an image, got %q", o.AppImage)
	check(images.MatchString(o.FlyballImage), "--flyball-image: must be the name of an image, got %q", o.FlyballImage)
	check(o.BalancerImage == "" || images.MatchString(o.BalancerImage), "--balancer-image: must be the name of an image, got %q", o.BalancerImage)
	check(o.AppPort > 0 && o.AppPort < 1<<16, "--port: must be 1 to 65535, got %d", o.AppPort)
	check(o.Published > 0 && o.Published < 1<<16, "--publish: must be 1 to 65535, got %d", o.Published)
	check(o.DashboardPort > 0 && o.DashboardPort < 1<<16, "--dashboard-port: must be 1 to 65535, got %d", o.DashboardPort)
	check(o.GrafanaPort > 0 && o.GrafanaPort < 1<<16, "--grafana-port: must be 1 to 65535, got %d", o.GrafanaPort)
	check(!slices.Contains([]int{o.DashboardPort, o.GrafanaPort}, o.Published), "--publish: %d is that of the dashboard or of Grafana (--dashboard-port, --grafana-port)", o.Published)
	check(o.DashboardPort != o.GrafanaPort, "--grafana-port: %d is that of the dashboard", o.GrafanaPort)
	check(o.DrainTimeout >= shortestDrain && o.DrainTimeout == scale.Duration(o.DrainTimeout.Std().Round(time.Second)),
		"--drain-timeout: must be whole seconds, at least %s, got %s", shortestDrain, o.DrainTimeout)
	check(!o.PublishPages || o.Orchestrator == Swarm && !o.encrypted(), "--publish-pages: is for a swarm without TLS; elsewhere they are published")
	check(o.HealthPath == "" || paths.MatchString(o.HealthPath), "--health-path: must begin with / and hold no quotes, got %q", o.HealthPath)
	check(paths.MatchString(o.Socket), "DOCKER_HOST: the engine's socket must be an absolute path without quotes, got %q", o.Socket)
	check(len(o.PolicyModel) == 0 || o.ServePolicy, "--policy-model: goes with --serve-policy")
	check(o.Orchestrator != Swarm || len(o.PolicyModel) <= mostConfig, "--policy-model: has %d bytes, a swarm takes at most %d", len(o.PolicyModel), mostConfig)
	check(o.AppReplicas >= 0, "replicas: must not be negative, got %d", o.AppReplicas)
	return errors.Join(append(errs, o.validateACME())...)
}

// Pages are the addresses at which a stack is reached on its own machine: of the
// service, the dashboard and Grafana, with the scheme that each serves. Traefik
// answers to the name of its certificate alone.
func (o Options) Pages() (service, dashboard, grafana string) {
	scheme, host := "http", "localhost"
	if o.encrypted() {
		scheme = "https"
	}
	if o.ACMEDomain != "" {
		host = o.ACMEDomain
	}
	return fmt.Sprintf("%s://%s:%d/", scheme, host, o.Published),
		fmt.Sprintf("%s://localhost:%d/", scheme, o.DashboardPort), fmt.Sprintf("%s://localhost:%d/", scheme, o.GrafanaPort)
}

// Publication is a port of the host that a stack takes.
type Publication struct {
	Address string // of the host
	Port    int
	Flag    string // that chooses another one
}

// Publications are the ports of the host that the stack takes.
func (o Options) Publications() []Publication {
	address := o.Environment.Address
	if o.Orchestrator == Swarm {
		address = "0.0.0.0"
	}
	all := []Publication{{address, o.Published, "--publish"}}
	if !o.hidesPages() {
		all = append(all, Publication{address, o.DashboardPort, "--dashboard-port"}, Publication{address, o.GrafanaPort, "--grafana-port"})
	}
	return all
}

// build makes the image of a service a target of the example's Containerfile.
func (o Options) build(s *service, target string) {
	if o.BuildContext != "" {
		s.Build = &build{Context: o.BuildContext, Dockerfile: "examples/compose/Containerfile", Target: target}
	}
}

func (o Options) validateACME() error {
	switch {
	case o.ACMEDomain == "" && o.ACMEEmail == "":
		return nil
	case o.Balancer != Traefik:
		return fmt.Errorf("--acme-domain, --acme-email: only traefik gets certificates by itself, got --balancer %s", o.Balancer)
	case !domain.MatchString(o.ACMEDomain):
		return fmt.Errorf("--acme-domain: must be a name such as shop.example.com, got %q", o.ACMEDomain)
	case !email.MatchString(o.ACMEEmail):
		return fmt.Errorf("--acme-email: must be an address such as anna@example.com, got %q", o.ACMEEmail)
	}
	return nil
}

// File is one file of a stack, by its path in the stack's folder.
type File struct {
	Path   string
	Data   []byte
	Secret bool // never printed
}

// Main is the file that the orchestrator is given.
func Main(orchestrator string) string {
	if orchestrator == Swarm {
		return "stack.yaml"
	}
	return "compose.yaml"
}

// Render returns the files of a stack, the main one first.
func Render(o Options, m Material) ([]File, error) {
	if err := errors.Join(o.Validate(), m.validate(o)); err != nil {
		return nil, err
	}
	p := plan(o, m)
	text, err := p.file.encode(headline(o))
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", Main(o.Orchestrator), err)
	}
	return append([]File{{Path: Main(o.Orchestrator), Data: text}}, p.files...), nil
}

// hidesPages reports whether what has a password is not published at all. Swarm
// knows no address of this machine alone, and whoever hears a token once has it.
func (o Options) hidesPages() bool {
	return o.Orchestrator == Swarm && (o.KnownSecrets || !o.encrypted() && !o.PublishPages)
}

// Hidden says how pages that are not published are, where that is right; "" where
// they are published.
func (o Options) Hidden() string {
	if !o.hidesPages() {
		return ""
	}
	return fmt.Sprintf("docker service update --publish-add mode=host,target=%d,published=%d %s_dashboard", dashboardPort, o.DashboardPort, o.Name)
}

func headline(o Options) string {
	command := "docker compose up --build -d"
	if o.Orchestrator == Swarm {
		command = "docker stack deploy -c stack.yaml " + o.Name
	}
	text := fmt.Sprintf("%s, %s, behind %s. Written by `flyball deploy %s %s`; in this folder:\n  %s\nEvery service is explained in docs/deploy.md.",
		o.Name, o.Environment.Name, o.Balancer, o.Orchestrator, o.Environment.Name, command)
	if o.hidesPages() {
		why := "Nothing is encrypted"
		if o.KnownSecrets {
			why = "Its secrets are everybody's"
		}
		text += fmt.Sprintf("\n%s, and a swarm publishes a port on every address of a\nnode: dashboard and Grafana have none. Where nobody else reaches the node:\n  %s", why, o.Hidden())
	}
	return text
}
