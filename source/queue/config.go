package queue

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

// Server says which queue is read: exactly one of the first must be given.
type Server struct {
	Redis    *Redis         `json:"redis,omitempty" jsonschema:"description=A list or a stream of Redis or Valkey"`
	Celery   *Celery        `json:"celery,omitempty" jsonschema:"description=A queue of Celery whose broker is Redis or Valkey"`
	RabbitMQ *RabbitMQ      `json:"rabbitmq,omitempty" jsonschema:"description=A queue of RabbitMQ"`
	NATS     *NATS          `json:"nats,omitempty" jsonschema:"description=A consumer of a stream of NATS JetStream"`
	Timeout  scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for reading the queue: at most 30s,default=3s"`
}

// Config is a signal of a queue.
type Config struct {
	Server
	Measure string         `json:"measure,omitempty" jsonschema:"description=What the signal is: queueDepth and so on as in the table of docs/sources.md; the name of the signal when empty"`
	Also    []string       `json:"also,omitempty" jsonschema:"description=What else is delivered of the same readings and under its own name"`
	Window  scale.Duration `json:"window,omitempty" jsonschema:"description=Time over which rates are measured: 1s to 1h,default=30s"`
}

// DefaultServer is everything but the queue.
func DefaultServer() Server { return Server{Timeout: scale.Duration(3 * time.Second)} }

// Default is everything but the queue; what the signal is follows from its name.
func Default() Config {
	return Config{Server: DefaultServer(), Window: scale.Duration(30 * time.Second)}
}

// Signals are those that a queue may tell.
func Signals() map[string]reading.Signal {
	return map[string]reading.Signal{
		reading.QueueDepth:     {Value: reading.QueueDepth},
		reading.InProgress:     {Value: reading.InProgress},
		reading.OldestAge:      {Value: reading.OldestAge, Combine: reading.Max},
		reading.CompletionRate: {Rate: reading.Count{Name: reading.Completed}},
		reading.ArrivalRate: {Rate: reading.Count{Name: reading.Arrived},
			Balance: &reading.Balance{Out: reading.Count{Name: reading.Completed}, Kept: []string{reading.QueueDepth, reading.InProgress}}},
	}
}

// kind is one kind of queue.
type kind interface {
	faults() []error
	// name is what the queue is called.
	name() string
	reader(s Server, o options) (reading.Reader, error)
}

// stated is a kind with the field that states it.
type stated struct {
	field string
	kind
}

// kinds are those that are stated.
func (s Server) kinds() (all []stated) {
	if s.Redis != nil {
		all = append(all, stated{"redis", s.Redis})
	}
	if s.Celery != nil {
		all = append(all, stated{"celery", s.Celery})
	}
	if s.RabbitMQ != nil {
		all = append(all, stated{"rabbitmq", s.RabbitMQ})
	}
	if s.NATS != nil {
		all = append(all, stated{"nats", s.NATS})
	}
	return all
}

// Name is what the queue is called.
func (s Server) Name() string {
	for _, k := range s.kinds() {
		return k.name()
	}
	return ""
}

// Validate reports every fault that can be seen without asking.
func (s Server) Validate() error {
	var errs []error
	for _, k := range s.kinds() {
		for _, err := range k.faults() {
			errs = append(errs, fmt.Errorf("%s.%w", k.field, err))
		}
	}
	if n := len(s.kinds()); n != 1 {
		errs = append(errs, fmt.Errorf("redis: exactly one of redis, celery, rabbitmq and nats must be given, got %d", n))
	}
	if s.Timeout <= 0 || s.Timeout.Std() > source.Patience {
		errs = append(errs, fmt.Errorf("timeout: must be above 0 and at most %v, got %v", scale.Duration(source.Patience), s.Timeout))
	}
	return errors.Join(errs...)
}

// Validate reports every fault that can be seen without asking.
func (c Config) Validate() error {
	errs := []error{c.Server.Validate()}
	if c.Window < scale.Duration(time.Second) || c.Window > scale.Duration(time.Hour) {
		errs = append(errs, fmt.Errorf("window: must be 1s to 1h, got %v", c.Window))
	}
	return errors.Join(append(errs, reading.Faults(Signals(), c.Measure, c.Also)...)...)
}

// Login is how a Redis is reached.
type Login struct {
	Address      string       `json:"address" jsonschema:"required,description=redis://host:port/database or rediss:// with TLS or unix:///path/to/socket?db=0; a user may stand before the host"`
	Password     scale.Secret `json:"password,omitempty" jsonschema:"description=Password; better from a file or a variable"`
	PasswordFile string       `json:"passwordFile,omitempty" jsonschema:"description=File that holds the password; read for each connection"`
	CAFile       string       `json:"caFile,omitempty" jsonschema:"description=File with the certificates of those who may sign the server's; the system's own when empty"`
}

// Redis is a list, or a stream with a group of consumers.
type Redis struct {
	Login
	List       string   `json:"list,omitempty" jsonschema:"description=Key of a list whose items are the tasks that wait"`
	Processing []string `json:"processing,omitempty" jsonschema:"maxItems=16,description=Keys of the lists to which workers move the tasks that they have begun (LMOVE); without any nobody knows what is in progress"`
	Completed  string   `json:"completed,omitempty" jsonschema:"description=Key of a number that workers raise for each task that is done (INCR); without it nobody knows the rates"`
	Oldest     End      `json:"oldest,omitempty" jsonschema:"description=Which end of the list holds the oldest task: right where tasks are pushed with LPUSH,enum=right,enum=left"`
	TimeField  string   `json:"timeField,omitempty" jsonschema:"description=Where a task that is JSON says when it was queued (enqueued_at or meta.time): seconds or milliseconds since 1970 or a time as in RFC 3339; without it nobody knows the age of the oldest"`

	Stream string `json:"stream,omitempty" jsonschema:"description=Key of a stream whose entries are the tasks"`
	Group  string `json:"group,omitempty" jsonschema:"description=Group of the consumers that work on the stream"`
}

// End is one of the two of a list.
type End string

// The ends.
const (
	Right End = "right"
	Left  End = "left"
)

// Celery is a queue as Celery (kombu) keeps it in Redis.
type Celery struct {
	Login
	Queue      string `json:"queue,omitempty" jsonschema:"description=Name of the queue; celery when empty"`
	Priorities []int  `json:"priorities,omitempty" jsonschema:"maxItems=16,description=Steps of priority that the workers use (priority_steps): each has a list of its own; 0 3 6 9 when empty"`
}

// RabbitMQ is a queue as the management API tells of it.
type RabbitMQ struct {
	URL         string `json:"url" jsonschema:"required,description=Address of the management API (plug-in rabbitmq_management): http://host:15672"`
	VirtualHost string `json:"virtualHost,omitempty" jsonschema:"description=Virtual host; / when empty"`
	Queue       string `json:"queue" jsonschema:"required,minLength=1,description=Name of the queue"`
	webclient.Auth
}

// NATS is a consumer of a stream of JetStream as the monitoring of the servers
// tells of it.
type NATS struct {
	URLs     []string `json:"urls" jsonschema:"required,minItems=1,maxItems=16,description=Addresses of the monitoring of the servers of a cluster: http://host:8222; the first that leads the consumer is believed"`
	Account  string   `json:"account,omitempty" jsonschema:"description=Account whose stream it is; $G (the one without accounts) when empty"`
	Stream   string   `json:"stream" jsonschema:"required,minLength=1,description=Name of the stream"`
	Consumer string   `json:"consumer" jsonschema:"required,minLength=1,description=Name of the consumer that the workers share"`
	webclient.Auth
}

func (r *Redis) name() string    { return cmp.Or(r.List, r.Stream) }
func (c *Celery) name() string   { return cmp.Or(c.Queue, "celery") }
func (q *RabbitMQ) name() string { return q.Queue }
func (n *NATS) name() string     { return n.Stream + "/" + n.Consumer }
