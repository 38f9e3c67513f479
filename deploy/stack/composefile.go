package stack

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// composeFile is what we use of the Compose specification; Swarm's stacks are
// its version 3.
type composeFile struct {
	Version  string             `yaml:"version,omitempty"` // Swarm wants it, Compose warns of it
	Name     string             `yaml:"name,omitempty"`    // Compose only: stack deploy refuses it
	Services services           `yaml:"services"`
	Networks map[string]network `yaml:"networks"`
	Volumes  map[string]volume  `yaml:"volumes"`
	Configs  map[string]content `yaml:"configs,omitempty"`
	Secrets  map[string]content `yaml:"secrets,omitempty"`
}

// service is one service. What it may do is set by harden.
type service struct {
	name    string
	comment string // why it is there

	Image       string            `yaml:"image"`
	Build       *build            `yaml:"build,omitempty"`
	PullPolicy  string            `yaml:"pull_policy,omitempty"`
	Entrypoint  []string          `yaml:"entrypoint,omitempty,flow"`
	Command     []string          `yaml:"command,omitempty,flow"`
	Environment map[string]string `yaml:"environment,omitempty"`
	DependsOn   []string          `yaml:"depends_on,omitempty,flow"`
	Ports       []any             `yaml:"ports,omitempty"`
	Expose      []string          `yaml:"expose,omitempty,flow"`
	Networks    []string          `yaml:"networks,flow"`
	Volumes     []any             `yaml:"volumes,omitempty"`
	Configs     []mount           `yaml:"configs,omitempty"`
	Secrets     []mount           `yaml:"secrets,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	HealthCheck *healthCheck      `yaml:"healthcheck,omitempty"`

	User      string   `yaml:"user,omitempty"`
	ReadOnly  bool     `yaml:"read_only,omitempty"`
	CapDrop   []string `yaml:"cap_drop,omitempty,flow"`
	Security  []string `yaml:"security_opt,omitempty,flow"`
	StopGrace string   `yaml:"stop_grace_period,omitempty"`
	Restart   string   `yaml:"restart,omitempty"`
	Logging   *logging `yaml:"logging,omitempty"`
	Deploy    *deploy  `yaml:"deploy,omitempty"`
}

type build struct {
	Context    string `yaml:"context"`
	Dockerfile string `yaml:"dockerfile"`
	Target     string `yaml:"target,omitempty"`
}

// hostPort is Swarm's long form: the port of the node the task is on, without
// the routing mesh, which keeps the clients' addresses.
type hostPort struct {
	Target    int    `yaml:"target"`
	Published int    `yaml:"published"`
	Mode      string `yaml:"mode"`
}

// tmpFS is a folder in memory, everybody's. Its long form is the one that
// Swarm knows.
type tmpFS struct {
	Type   string `yaml:"type"`
	Target string `yaml:"target"`
}

// mount shows a config or secret under a path. Owner and mode are Swarm's;
// Compose has those of the file.
type mount struct {
	Source string `yaml:"source"`
	Target string `yaml:"target"`
	UID    string `yaml:"uid,omitempty"`
	GID    string `yaml:"gid,omitempty"`
	Mode   octal  `yaml:"mode,omitempty"`
}

// octal is a mode as people write it.
type octal uint32

// MarshalYAML writes 0400.
func (o octal) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprintf("0%o", uint32(o))}, nil
}

// content is a config or a secret: a file of the folder. Swarm cannot change
// one, so its name there holds a hash of it.
type content struct {
	Name string `yaml:"name,omitempty"`
	File string `yaml:"file"`
}

type network struct {
	Driver   string `yaml:"driver,omitempty"`
	Internal bool   `yaml:"internal,omitempty"`
}

type volume struct {
	Labels map[string]string `yaml:"labels,omitempty,flow"`
}

type healthCheck struct {
	Disable  bool     `yaml:"disable,omitempty"`
	Test     []string `yaml:"test,omitempty,flow"`
	Interval string   `yaml:"interval,omitempty"`
	Timeout  string   `yaml:"timeout,omitempty"`
	Retries  int      `yaml:"retries,omitempty"`
}

type logging struct {
	Driver  string            `yaml:"driver"`
	Options map[string]string `yaml:"options,omitempty"`
}

type deploy struct {
	Mode          string            `yaml:"mode,omitempty"`
	Replicas      *int              `yaml:"replicas,omitempty"`
	EndpointMode  string            `yaml:"endpoint_mode,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty"`
	Placement     *placement        `yaml:"placement,omitempty"`
	RestartPolicy *restartPolicy    `yaml:"restart_policy,omitempty"`
	UpdateConfig  *updateConfig     `yaml:"update_config,omitempty"`
	Resources     *resources        `yaml:"resources,omitempty"`
}

type placement struct {
	Constraints []string `yaml:"constraints,flow"`
}

type restartPolicy struct {
	Condition string `yaml:"condition"`
	Delay     string `yaml:"delay"`
}

type updateConfig struct {
	Order         string `yaml:"order"`
	Parallelism   int    `yaml:"parallelism"`
	FailureAction string `yaml:"failure_action"`
}

type resources struct {
	Limits       limits  `yaml:"limits"`
	Reservations *limits `yaml:"reservations,omitempty"`
}

type limits struct {
	CPUs   string `yaml:"cpus,omitempty"`
	Memory string `yaml:"memory,omitempty"`
}

// services keep their order in the file, each under its comment.
type services []service

// MarshalYAML writes a mapping in order.
func (all services) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for i := range all {
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: all[i].name, HeadComment: all[i].comment}
		body := &yaml.Node{}
		if err := body.Encode(all[i]); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, key, body)
	}
	return node, nil
}

// encode writes the file under a headline.
func (f composeFile) encode(headline string) ([]byte, error) {
	var b bytes.Buffer
	for line := range strings.SplitSeq(headline, "\n") {
		fmt.Fprintln(&b, strings.TrimRight("# "+line, " "))
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(f); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}
