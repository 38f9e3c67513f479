package swarm

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Config names a service of a swarm and says where its tasks are reached.
type Config struct {
	Service string `json:"service" jsonschema:"required,description=Name of a replicated service of the swarm as docker service ls shows it: STACK_SERVICE for one of a stack"`

	Port    int     `json:"port,omitempty" jsonschema:"description=Port inside the container on which a task takes requests; without one tasks have no address and no balancer can send them any,minimum=0,maximum=65535"`
	Address Address `json:"address,omitempty" jsonschema:"description=Where a task is reached: at its own address in a network that the balancer is in too; or at the port of its node that the service publishes with mode=host,enum=network,enum=published,default=network"`
	Network string  `json:"network,omitempty" jsonschema:"description=Network whose addresses are used with address network; the first of the service when empty"`

	StartTimeout scale.Duration `json:"startTimeout,omitempty" jsonschema:"description=Longest time from being asked for to running and healthy that is no fault,default=2m"`
	Interval     scale.Duration `json:"interval,omitempty" jsonschema:"description=Time between two looks at the tasks while nothing happens: those on other nodes change unheard. While something changes it is looked more often,default=2s"`

	Endpoint string `json:"endpoint,omitempty" jsonschema:"description=Where a manager answers (unix:///path or tcp://host:port); that of DOCKER_HOST or of this machine when empty"`
}

// Address is where a task is reached.
type Address string

// Addresses of a task.
const (
	AtNetwork   Address = "network"
	AtPublished Address = "published"
)

var (
	_ target.Config   = Config{}
	_ target.Examiner = Config{}
)

// Default is everything but the name of the service.
func Default() Config {
	return Config{Address: AtNetwork, StartTimeout: scale.Duration(2 * time.Minute), Interval: scale.Duration(2 * time.Second)}
}

// A service's name is the host name of its tasks.
var validService = regexp.MustCompile(`^[a-zA-Z0-9][-_.a-zA-Z0-9]{0,62}$`)

// shortestInterval keeps a manager from doing nothing but answering.
const shortestInterval = scale.Duration(100 * time.Millisecond)

// Validate reports every fault that can be seen without asking a manager.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validService.MatchString(c.Service) {
		fault("service: must be the name of a service, 1 to 63 of a-z, A-Z, 0-9, -, _ and ., got %q", c.Service)
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port: must be 0 to 65535, got %d", c.Port)
	}
	if c.Address != AtNetwork && c.Address != AtPublished {
		fault("address: must be %s or %s, got %q", AtNetwork, AtPublished, c.Address)
	}
	if c.Address == AtPublished && c.Port == 0 {
		fault("port: must be given for address %s", AtPublished)
	}
	if c.Address == AtPublished && c.Network != "" {
		fault("network: must be left out with address %s", AtPublished)
	}
	if c.StartTimeout <= 0 {
		fault("startTimeout: must be above 0, got %v", c.StartTimeout)
	}
	if c.Interval < shortestInterval {
		fault("interval: must be at least %v, got %v", shortestInterval, c.Interval)
	}
	return errors.Join(errs...)
}

// Facts says what others must know of the service. Nothing is drained before
// it ends: the swarm chooses what ends.
func (c Config) Facts() target.Facts {
	claim := fmt.Sprintf("scales the service %s of the swarm at %s", c.Service, docker.EndpointOf(c.Endpoint))
	return target.Facts{Description: "swarm service " + c.Service, Claims: []string{claim}, StartTimeout: c.StartTimeout}
}

// checkTimeout is how long a manager may take to say that the service is there.
const checkTimeout = 10 * time.Second

// Check reports a service that is not there or cannot be scaled. A manager that
// cannot be reached is waited for.
func (c Config) Check() error {
	engine, err := docker.Open(c.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	defer func() { _ = engine.Close() }() // nobody waits for an answer
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	return errors.Join(c.check(ctx, engine), c.missing(ctx, engine))
}

// missing says that the network of the document is none. An engine that does not
// answer is waited for.
func (c Config) missing(ctx context.Context, engine *docker.Client) error {
	if c.Network == "" || !errors.Is(engine.HasNetwork(ctx, c.Network), docker.ErrNoNetwork) {
		return nil
	}
	return fmt.Errorf("network: there is no network %q in this swarm; docker network ls shows those there are, and one of a stack is called STACK_NETWORK", c.Network)
}

// Examine says what a manager says of the service.
func (c Config) Examine(ctx context.Context) []target.Finding {
	engine, err := docker.Open(c.Endpoint)
	if err != nil {
		return []target.Finding{{Message: err.Error(), Fix: "correct endpoint in the document, or DOCKER_HOST"}}
	}
	defer func() { _ = engine.Close() }() // nobody waits for an answer
	service, err := engine.Service(ctx, c.Service)
	switch {
	case errors.Is(err, docker.ErrUnreachable):
		return []target.Finding{{Message: "no engine answers: " + err.Error(), Fix: "start it (systemctl start docker), let this user use it (group docker), or name it in endpoint"}}
	case errors.Is(err, docker.ErrNoManager):
		return []target.Finding{{Message: err.Error(), Fix: "run Flyball where a manager answers (docker node ls), name one in endpoint, or make a swarm: docker swarm init"}}
	case errors.Is(err, docker.ErrNoService):
		return []target.Finding{{Message: "the swarm has no service " + c.Service, Fix: "correct service in the document, or docker stack deploy: docker service ls shows those there are"}}
	case err == nil:
		err = service.Scalable()
	}
	if err != nil {
		return []target.Finding{{Message: fmt.Sprintf("service %s cannot be scaled: %v", c.Service, err), Fix: "see what a manager says: docker service inspect " + c.Service}}
	}
	found := []target.Finding{{Message: fmt.Sprintf("service %s can be scaled; it has %s now", c.Service, scale.Count(service.Replicas, "replica"))}}
	if err := c.missing(ctx, engine); err != nil {
		found = append(found, target.Finding{Message: err.Error(), Fix: "correct network in the document (label flyball.network), or leave it out: then it is the first of the service"})
	}
	if service.StopGracePeriod < lingering {
		found = append(found, target.Finding{
			Message: fmt.Sprintf("service %s has a stop_grace_period of %v", c.Service, service.StopGracePeriod),
			Fix:     "make it 10s and let the program serve on for 2 s after SIGTERM: the swarm ends a task without asking the balancer (docs/swarm.md)",
		})
	}
	return found
}

// lingering is the least grace period in which a task can serve on until every
// balancer has heard that it goes, and finish what it has begun.
const lingering = 5 * time.Second

func (c Config) check(ctx context.Context, engine docker.Cluster) error {
	service, err := engine.Service(ctx, c.Service)
	switch {
	case errors.Is(err, docker.ErrUnreachable), errors.Is(err, docker.ErrNoManager):
		return nil
	case errors.Is(err, docker.ErrNoService):
		return fmt.Errorf("service: there is no service %q in this swarm; docker service ls shows those there are", c.Service)
	case err != nil:
		return fmt.Errorf("endpoint: %w", err)
	}
	if err := service.Scalable(); err != nil {
		return fmt.Errorf("service: %s cannot be scaled: %w", c.Service, err)
	}
	return nil
}

// Open returns the target of a service.
func (c Config) Open(name string, o target.Options) (target.Managed, error) {
	return New(name, c, Options{Clock: o.Clock, Log: o.Log})
}
