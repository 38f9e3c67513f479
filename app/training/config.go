// Package training makes a model of a configuration: it prepares workloads, lets
// an algorithm learn on them, judges what it has learned as it goes, and keeps
// the best; curves, pictures and checkpoints beside it. It prints nothing.
//
//	Config ─► Tasks ─► scaling.Prepare ─► rl.Learner ─► curve ─► summary.csv, pictures
//	                        │                 │
//	                        └─ others ─► judge ──► the best so far ─► model.flyball
package training

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
	"github.com/flyball-io/flyball/rl/scaling"
)

// Config is everything that a training depends on: the same gives the same model.
type Config struct {
	Algorithm   string `json:"algorithm"`   // ppo, a2c, dqn
	Environment string `json:"environment"` // scaling, cartpole
	// Steps are decisions of all copies together; Episodes, if above 0, end it sooner.
	Steps    int    `json:"steps"`
	Episodes int    `json:"episodes,omitempty"`
	Seed     uint64 `json:"seed"`
	// Seeds are trained from Seed on, each apart from the others; the best is kept.
	Seeds  int   `json:"seeds"`
	Hidden []int `json:"hidden"` // sizes of hidden layers
	// Ahead is how far ahead of the others doing as the base is at the beginning, in
	// logits; 0: not at all.
	Ahead float32 `json:"ahead"`
	// Judgements are how often what was learned so far is judged.
	Judgements int `json:"judgements"`
	// Care is how many times the tariff's price a violation counts where it is judged
	// which is the best: at 1 a model may win that saves replicas by violating more.
	Care float32 `json:"care"`
	// Learner holds the algorithm's own hyper-parameters.
	Learner json.RawMessage `json:"learner"`
	// Clone begins with what the oracle would do.
	Clone     *Clone         `json:"clone,omitempty"`
	Workloads Workloads      `json:"workloads"`
	Scaling   scaling.Config `json:"scaling"`
}

// Workloads are the loads that are drawn.
type Workloads struct {
	Families []string `json:"families"`
	Count    int      `json:"count"`  // to train on
	Judged   int      `json:"judged"` // others of the same families, to judge on
	Seed     uint64   `json:"seed"`
}

// Clone is how behaviour cloning begins: in rounds of DAgger.
type Clone struct {
	Rounds int `json:"rounds"`
	Rows   int `json:"rows"` // states of a round
	Epochs int `json:"epochs"`
}

// Limits of what may be asked for.
const (
	mostSteps     = 2_000_000_000
	mostSeeds     = 64
	mostWorkloads = 4096
	mostCopies    = 4096
	mostRows      = 2_000_000
	cartpole      = "cartpole"
	onScaling     = "scaling"
	episodeOfCart = 500
)

// Algorithms are those that can be trained.
func Algorithms() []string { return []string{"ppo", "a2c", "dqn"} }

// Environments are those that can be learned in.
func Environments() []string { return []string{onScaling, cartpole} }

// Default is what an algorithm is trained with in an environment, where nothing
// else is said.
func Default(algorithm, environment string) (Config, error) {
	if !slices.Contains(Algorithms(), algorithm) {
		return Config{}, fmt.Errorf("algorithm: must be one of %s, got %q", strings.Join(Algorithms(), ", "), algorithm)
	}
	if !slices.Contains(Environments(), environment) {
		return Config{}, fmt.Errorf("environment: must be one of %s, got %q", strings.Join(Environments(), ", "), environment)
	}
	c := Config{
		Algorithm: algorithm, Environment: environment, Seed: 1, Seeds: 1, Hidden: []int{64, 64}, Judgements: 20, Care: 3,
		Scaling: scaling.Default(),
	}
	c.Scaling.Seed = 0
	if environment == cartpole {
		c.Steps, c.Scaling.Copies = 200_000, 4
		c.Scaling.Actions = nil
		switch algorithm {
		case "a2c":
			c.Steps, c.Scaling.Copies = 500_000, 8
		case "dqn":
			c.Steps, c.Scaling.Copies, c.Hidden = 300_000, 1, []int{120, 84}
		}
		return c.withLearner(learnerDefaults(algorithm, environment))
	}
	c.Steps, c.Ahead = 1_000_000, 3
	// What is bought with more violations is nothing learned: they cost ten times the
	// tariff's price. At 1 to 5 times it, agents saved a tenth of the replicas and
	// violated twice as much (docs/learning.md).
	c.Scaling.Copies, c.Scaling.Worst, c.Scaling.Scale = 128, 100, 0.01
	c.Scaling.Price = scaling.Price{First: 10, Target: 1, Least: 1, Most: 100, Every: 1 << 14}
	c.Workloads = Workloads{Families: scaling.Families(false), Count: 72, Judged: 24, Seed: 1}
	return c.withLearner(learnerDefaults(algorithm, environment))
}

// DefaultClone is three rounds.
func DefaultClone() *Clone { return &Clone{Rounds: 3, Rows: 60_000, Epochs: 4} }

// learnerDefaults are the references' hyper-parameters, with what an environment
// whose copies are many and whose rewards come late needs.
func learnerDefaults(algorithm, environment string) any {
	switch algorithm {
	case "a2c":
		l := rl.DefaultA2C()
		if environment == onScaling {
			l.Steps, l.Lambda = 16, 0.95
		}
		return &l
	case "dqn":
		l := rl.DefaultDQN()
		if environment == onScaling {
			l.Buffer, l.Every, l.TargetEvery, l.ExploreFrom, l.ExploreTo, l.ExploreShare = 200_000, 16, 8000, 0.5, 0.02, 0.3
		}
		return &l
	}
	l := rl.DefaultPPO()
	if environment == onScaling {
		// Rewards are rare and large: many small steps, and no farther ahead than
		// what a decision changes, some ten minutes.
		l.Rate, l.Minibatches, l.Steps, l.Epochs, l.Discount, l.Lambda, l.Entropy = 6e-4, 16, 64, 3, 0.98, 0.9, 0.001
	}
	return &l
}

// outer are the fields of a learner that the configuration says elsewhere.
func outer() []string { return []string{"seed", "hidden", "activation", "horizon"} }

// withLearner writes hyper-parameters down, with names as elsewhere.
func (c Config) withLearner(l any) (Config, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return c, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return c, err
	}
	out := map[string]any{}
	for name, v := range fields {
		name = strings.ToLower(name[:1]) + name[1:]
		if !slices.Contains(outer(), name) {
			out[name] = v
		}
	}
	c.Learner, err = json.Marshal(out)
	return c, err
}

// learner decodes the hyper-parameters over the defaults.
func (c Config) learner() (any, error) {
	l := learnerDefaults(c.Algorithm, c.Environment)
	var fields map[string]json.RawMessage
	if len(c.Learner) == 0 {
		return l, nil
	}
	if err := json.Unmarshal(c.Learner, &fields); err != nil {
		return nil, errors.New("learner: must be fields of the algorithm")
	}
	for name := range fields {
		if slices.Contains(outer(), strings.ToLower(name)) {
			return nil, fmt.Errorf("learner.%s: is said outside of learner", name)
		}
	}
	if err := strictly(c.Learner, l); err != nil {
		return nil, fmt.Errorf("learner: %w", err)
	}
	return l, nil
}

// strictly decodes JSON and refuses fields that are not there.
func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fmt.Errorf("%s: must be %s, got %s", wrong.Field, article(wrong.Type.String()), wrong.Value)
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func article(kind string) string {
	switch kind {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	}
	if strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") {
		return "a whole number"
	}
	if strings.HasPrefix(kind, "float") {
		return "a number"
	}
	return "of type " + kind
}

// Read reads a configuration file, whose fields are all optional: algorithm and
// environment, where they are given, hold over the file's.
func Read(file []byte, algorithm, environment string) (Config, error) {
	text, err := yaml.YAMLToJSONStrict(file)
	if err != nil {
		return Config{}, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	// Another file may hold anything: only its two words are looked at first.
	var named struct{ Algorithm, Environment string }
	if err := json.Unmarshal(text, &named); err != nil {
		return Config{}, errors.New("must hold fields such as algorithm: ppo")
	}
	c, err := Default(first(algorithm, named.Algorithm, "ppo"), first(environment, named.Environment, onScaling))
	if err != nil {
		return c, err
	}
	own := bytes.Clone(c.Learner) // decoding writes into what is there
	if err := strictly(text, &c); err != nil {
		return c, err
	}
	c.Algorithm, c.Environment = first(algorithm, named.Algorithm, "ppo"), first(environment, named.Environment, onScaling)
	if algorithm != "" && named.Algorithm != "" && algorithm != named.Algorithm {
		c.Learner = own // the file's are those of another algorithm
	}
	return c.complete()
}

// BeginWith is the configuration with the hidden layers and the actions of a model
// that is to be begun with, where file, which it was read from (nil: none), does not
// say them. It refuses a model that this training cannot go on with.
func (c Config) BeginWith(m *learned.Model, file []byte) (Config, error) {
	if c.Environment != onScaling || c.Algorithm == "dqn" {
		return c, fmt.Errorf("%s on %s cannot begin with a model: ppo and a2c on %s can", c.Algorithm, c.Environment, onScaling)
	}
	var said struct {
		Hidden  []int
		Scaling struct{ Actions learned.Actions }
	}
	if err := yaml.Unmarshal(file, &said); err != nil {
		return c, err
	}
	layers := m.Net.Layers()
	var hidden []int
	for _, l := range layers[:len(layers)-1] {
		if l.Activation != neural.Tanh {
			return c, fmt.Errorf("its hidden layers are of %v: ppo and a2c go on with %v, their own", l.Activation, neural.Tanh)
		}
		hidden = append(hidden, l.Outputs)
	}
	if said.Hidden != nil && !slices.Equal(c.Hidden, hidden) {
		return c, fmt.Errorf("it has hidden layers of %v, hidden says %v: leave that out", hidden, c.Hidden)
	}
	if said.Scaling.Actions != nil && !slices.Equal(c.Scaling.Actions, m.Actions) {
		return c, fmt.Errorf("it chooses among %v, scaling.actions says %v: leave that out", m.Actions, c.Scaling.Actions)
	}
	c.Hidden, c.Scaling.Actions = hidden, m.Actions
	return c, nil
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// complete writes all hyper-parameters down, those that are not said too.
func (c Config) complete() (Config, error) {
	l, err := c.learner()
	if err != nil {
		return c, err
	}
	return c.withLearner(l)
}

// YAML is the configuration as a file that [Read] takes.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// JSON is the configuration in one line.
func (c Config) JSON() (json.RawMessage, error) { return json.Marshal(c) }

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	within := func(name string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s: must be %d to %d, got %d", name, least, most, n))
		}
	}
	if most := mostSteps / max(1, c.episode()); c.Episodes > most || c.Episodes < 0 {
		errs = append(errs, fmt.Errorf("episodes: must be 1 to %d, of %d decisions each, got %d", most, c.episode(), c.Episodes))
	} else {
		within("steps", c.Steps, 1, mostSteps)
	}
	within("seeds", c.Seeds, 1, mostSeeds)
	within("judgements", c.Judgements, 1, 1000)
	within("scaling.copies", c.Scaling.Copies, 1, mostCopies)
	within("hidden", len(c.Hidden), 1, neural.MaxLayers-1)
	for i, n := range c.Hidden {
		within(fmt.Sprintf("hidden[%d]", i), n, 1, 512)
	}
	if !(c.Ahead >= 0 && c.Ahead <= 20) {
		errs = append(errs, fmt.Errorf("ahead: must be between 0 and 20, got %v", c.Ahead))
	}
	if !(c.Care >= 1 && c.Care <= 1000) {
		errs = append(errs, fmt.Errorf("care: must be between 1 and 1000, got %v", c.Care))
	}
	if c.Scaling.Seed != 0 {
		errs = append(errs, errors.New("scaling.seed: comes from seed, leave it out"))
	}
	if c.Environment == onScaling {
		errs = append(errs, c.validateScaling())
	} else if c.Clone != nil {
		errs = append(errs, errors.New("clone: goes with environment scaling, whose oracle is known"))
	}
	return errors.Join(append(errs, c.validateLearner())...)
}

// validateLearner reports what the algorithm would refuse when it begins.
func (c Config) validateLearner() error {
	l, err := c.learner()
	if err != nil {
		return err
	}
	if v, ok := l.(interface{ Validate() error }); ok {
		err = v.Validate()
	}
	if p, ok := l.(*rl.PPOConfig); ok {
		err = errors.Join(err, p.FitsCopies(c.Scaling.Copies))
	}
	if err != nil {
		err = fmt.Errorf("learner: %w", err)
	}
	if q, ok := l.(*rl.DQNConfig); ok && c.Steps <= q.Start {
		err = errors.Join(err, c.tooFewFor(q.Start))
	}
	return err
}

// tooFewFor is the fault of a training of dqn that ends before it learns, in the words
// in which its length was said.
func (c Config) tooFewFor(start int) error {
	if each := c.episode(); c.Episodes > 0 && c.Steps == c.Episodes*each {
		return fmt.Errorf("episodes: must be at least %d, of %d decisions each: dqn learns nothing in the first %d steps, learner.start; got %d", start/each+1, each, start, c.Episodes)
	}
	return fmt.Errorf("steps: must be above %d, learner.start: dqn learns nothing before; got %d", start, c.Steps)
}

func (c Config) validateScaling() error {
	var errs []error
	within := func(name string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s: must be %d to %d, got %d", name, least, most, n))
		}
	}
	within("workloads.count", c.Workloads.Count, 1, mostWorkloads)
	within("workloads.judged", c.Workloads.Judged, 1, mostWorkloads)
	if _, err := scaling.Draw(c.Workloads.Families, len(c.Workloads.Families), 1); err != nil {
		errs = append(errs, fmt.Errorf("workloads.%w", err))
	}
	if err := c.Scaling.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("scaling: %w", err))
	}
	if c.Clone != nil {
		if c.Algorithm == "dqn" {
			errs = append(errs, errors.New("clone: goes with ppo and a2c, dqn learns values and not what to do"))
		}
		within("clone.rounds", c.Clone.Rounds, 1, 100)
		within("clone.rows", c.Clone.Rows, 1, mostRows)
		within("clone.epochs", c.Clone.Epochs, 1, 1000)
	}
	return errors.Join(errs...)
}

// SetEpisodes ends a training after so many episodes, of which each may be as long
// as the longest.
func (c *Config) SetEpisodes(n int) {
	// All have this length but those that reach the end of their load. What is beyond
	// the bound is refused by Validate.
	c.Episodes, c.Steps = n, int(max(1, min(int64(min(n, mostSteps))*int64(c.episode()), mostSteps)))
}

// episode is how many decisions the longest episode has.
func (c Config) episode() int {
	if c.Environment == cartpole {
		return episodeOfCart
	}
	return c.Scaling.Episode
}
