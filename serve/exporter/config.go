package exporter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/internal/strict"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source/inference"
	"github.com/flyball-io/flyball/source/queue"
	"github.com/flyball-io/flyball/source/reading"
	"github.com/flyball-io/flyball/source/vector"
)

//go:generate go test . -run IsTheGeneratedOne -update

// Config says what is read: replicas are a static list.
type Config struct {
	Inference []Inference `json:"inference,omitempty" jsonschema:"maxItems=1000,description=Inference servers"`
	Queues    []Queue     `json:"queues,omitempty" jsonschema:"maxItems=1000,description=Queues of tasks"`
	Vectors   []Vector    `json:"vectors,omitempty" jsonschema:"maxItems=1000,description=Vector databases"`
	// Share is how long a reading serves further scrapes.
	Share scale.Duration `json:"share,omitempty" jsonschema:"description=How long one reading serves further scrapes: at most 1m,default=1s"`
	// Deadline is how long a scrape takes at most.
	Deadline scale.Duration `json:"deadline,omitempty" jsonschema:"description=Longest time of a scrape; what has not answered by then is down. Where Prometheus says a shorter one that holds: 100ms to 2m,default=9s"`
}

// Inference is the servers of one service.
type Inference struct {
	Service string   `json:"service" jsonschema:"required,minLength=1,maxLength=63,description=Value of the label service"`
	URLs    []string `json:"urls" jsonschema:"required,minItems=1,maxItems=1000,description=Address of each replica: http://host:port"`
	inference.Server
}

// Queue is one queue.
type Queue struct {
	Service string `json:"service" jsonschema:"required,minLength=1,maxLength=63,description=Value of the label service"`
	queue.Server
}

// Vector is one vector database.
type Vector struct {
	Service string `json:"service" jsonschema:"required,minLength=1,maxLength=63,description=Value of the label service"`
	vector.Server
}

// UnmarshalJSON reads it over its defaults.
func (v *Vector) UnmarshalJSON(data []byte) error {
	type plain Vector
	*v = Vector{Server: vector.DefaultServer()}
	return json.Unmarshal(data, (*plain)(v))
}

// UnmarshalJSON reads it over its defaults.
func (i *Inference) UnmarshalJSON(data []byte) error {
	type plain Inference
	*i = Inference{Server: inference.DefaultServer()}
	return json.Unmarshal(data, (*plain)(i))
}

// UnmarshalJSON reads it over its defaults.
func (q *Queue) UnmarshalJSON(data []byte) error {
	type plain Queue
	*q = Queue{Server: queue.DefaultServer()}
	return json.Unmarshal(data, (*plain)(q))
}

// Default is a configuration that names nothing to read.
func Default() Config {
	return Config{Share: scale.Duration(time.Second), Deadline: scale.Duration(9 * time.Second)}
}

// Read reads a configuration without mercy: each fault names file, line and
// field, and all are told at once. env is asked for ${NAME}.
func Read(name string, data []byte, env strict.Env) (Config, error) {
	trees, faults := strict.Parse(name, data, env)
	if err := faults.Err(); err != nil {
		return Config{}, err
	}
	if len(trees) != 1 {
		return Config{}, fmt.Errorf("%s: holds %d documents, want one configuration", name, len(trees))
	}
	raw, err := Schema()
	if err != nil {
		return Config{}, err
	}
	schema, err := strict.Compile(raw, map[string]strict.Pattern{durationPattern: {
		Words: "a duration with a unit (ms, s, m, h, d), for example 30s",
		Valid: func(text string) bool { _, err := scale.ParseDuration(text); return err == nil },
	}})
	if err != nil {
		return Config{}, err
	}
	tree, cfg := trees[0], Default()
	schema.Check(tree)
	sound, err := json.Marshal(tree.Sound())
	if err == nil && len(tree.Faults()) == 0 {
		err = json.Unmarshal(sound, &cfg)
	}
	if err != nil {
		tree.Add(nil, err.Error())
	}
	if len(tree.Faults()) == 0 {
		tree.Shape().AddInvalid(nil, cfg.Validate())
	}
	return cfg, tree.Faults().Err()
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$|^0$`

// Schema is the JSON schema of a configuration.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: func(t reflect.Type) *jsonschema.Schema {
		if t == reflect.TypeFor[scale.Duration]() {
			return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
		}
		return nil
	}}
	s := r.Reflect(Config{})
	s.Title = "Flyball exporter"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return nil, fmt.Errorf("write JSON Schema: %w", err)
	}
	return out.Bytes(), nil
}

// Validate reports what the schema cannot say.
func (c Config) Validate() error {
	var errs []error
	below := func(path string, err error) {
		for _, message := range strict.Messages(err) {
			errs = append(errs, fmt.Errorf("%s.%s", path, message))
		}
	}
	seen := map[string]string{}
	once := func(path, what string) {
		if other, twice := seen[what]; twice {
			errs = append(errs, fmt.Errorf("%s: %s is read by %s already", path, what, other))
			return
		}
		seen[what] = path
	}
	for i, in := range c.Inference {
		path := fmt.Sprintf("inference[%d]", i)
		below(path, in.Validate())
		for j, u := range in.URLs {
			at := fmt.Sprintf("%s.urls[%d]", path, j)
			if err := reading.CheckURL(u); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", at, err))
				continue
			}
			once(at, fmt.Sprintf("endpoint %s of service %s", endpointOf(u), in.Service))
		}
	}
	for i, q := range c.Queues {
		path := fmt.Sprintf("queues[%d]", i)
		below(path, q.Validate())
		once(path, fmt.Sprintf("queue %q of service %s", q.Name(), q.Service))
	}
	for i, v := range c.Vectors {
		path := fmt.Sprintf("vectors[%d]", i)
		below(path, v.Validate())
		once(path, fmt.Sprintf("endpoint %s of service %s", v.Endpoint(), v.Service))
	}
	if len(seen) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("inference: names nothing to read, and queues and vectors name none either"))
	}
	if c.Share < 0 || c.Share > scale.Duration(time.Minute) {
		errs = append(errs, fmt.Errorf("share: must be 0 to 1m, got %v", c.Share))
	}
	if c.Deadline < scale.Duration(100*time.Millisecond) || c.Deadline > scale.Duration(2*time.Minute) {
		errs = append(errs, fmt.Errorf("deadline: must be 100ms to 2m, got %v", c.Deadline))
	}
	return errors.Join(errs...)
}

// endpointOf is the label of an address: its host and port.
func endpointOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return webclient.Excerpt(address, 80)
	}
	return u.Host
}
