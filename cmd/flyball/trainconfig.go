package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/policy/learned"
)

// job checks every flag before anything is trained.
func (f *trainFlags) job() (training.Job, error) {
	job := training.Job{Dir: f.out, Resume: f.resume}
	var errs []error
	if f.out == "" {
		errs = append(errs, errors.New("--out: must name a folder"))
	}
	if f.flags.Changed("trace") {
		errs = append(errs, errors.New("--trace: goes with --visualize"))
	}
	if f.flags.Changed("loads") {
		errs = append(errs, errors.New("--loads: goes with --compare"))
	}
	if err := f.claimed(&job, training.ClaimIfThere); err != nil {
		return job, err // what is there is changing
	}
	errs = append(errs, f.onlyWithHistory(), f.begun())
	cfg, err := f.configuration()
	errs = append(errs, err)
	if err == nil && f.from != "" {
		if cfg, job.From, err = f.beginWith(cfg); err != nil {
			errs = append(errs, fmt.Errorf("--init: %w", err))
		}
	}
	if err == nil {
		errs = append(errs, flagWords(cfg.Validate()))
	}
	job.Config = cfg
	if err := errors.Join(errs...); err != nil {
		return job, err
	}
	if err := job.Check(); err != nil {
		return job, err
	}
	return job, (&evaluateFlags{out: f.out}).writable()
}

// claimed keeps other trainings out of the folder. One that was trained in is
// claimed before anything in it is looked at, another when nothing is refused any more.
func (f *trainFlags) claimed(job *training.Job, claim func(dir string) (*training.Claim, error)) (err error) {
	if f.claim == nil && f.out != "" {
		if f.claim, err = claim(f.out); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	job.Claim = f.claim
	return nil
}

// begun refuses to begin over a training that is not finished, and to go on with one
// of a history as if it were of none: what did not win would be the model.
func (f *trainFlags) begun() error {
	if f.out == "" {
		return nil
	}
	b, err := training.ReadBegun(f.out)
	switch {
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case f.resume && b.History && f.historyOf == "":
		return fmt.Errorf("--resume: the training in %s learns from a history: --history names it, with the flags as before", f.out)
	case !f.resume && b.Unfinished != "":
		return fmt.Errorf("--out: a training in %s is not finished: --resume goes on with it; choose another folder, or take %s away to begin anew", f.out, b.Unfinished)
	}
	return nil
}

// beginWith reads the model of --init, and takes from it what is not said.
func (f *trainFlags) beginWith(c training.Config) (training.Config, *learned.Model, error) {
	m, err := training.ReadModel(f.from)
	if err != nil {
		return c, nil, err
	}
	c, err = c.BeginWith(m, f.stated)
	return c, m, err
}

// onlyWithHistory refuses flags about a past that is not asked for.
func (f *trainFlags) onlyWithHistory() error {
	if f.historyOf != "" {
		return nil
	}
	var errs []error
	for _, name := range append([]string{"target", "from", "to", "last", "file", "max-errors", "max-lost", "slo", "slo-target", "min", "max", "sync",
		"service-mean", "service-cv", "service-law", "concurrency", "topology", "startup", "scrape", "metric-window"}, f.replay.past.own...) {
		if flag := f.flags.Lookup(name); flag != nil && flag.Changed {
			errs = append(errs, fmt.Errorf("--%s: goes with --history or --visualize; what is drawn is said by --config", name))
		}
	}
	return errors.Join(errs...)
}

// flagWords names the fields that flags set as flags do.
func flagWords(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		for _, name := range []string{"steps", "episodes", "seeds", "clone"} {
			if strings.HasPrefix(line, name+":") {
				lines[i] = "--" + line
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// configuration is what the file says, and the flags over it.
func (f *trainFlags) configuration() (training.Config, error) {
	if f.resume {
		return f.resumed()
	}
	var c training.Config
	var err error
	given := func(flag, value string) string {
		if f.flags.Changed(flag) || f.config == "" {
			return value
		}
		return ""
	}
	if f.config == "" {
		c, err = training.Default(f.algorithm, f.environment)
	} else {
		if f.stated, err = os.ReadFile(f.config); err == nil {
			if c, err = training.Read(f.stated, given("algo", f.algorithm), given("env", f.environment)); err != nil {
				err = fmt.Errorf("%s: %w", f.config, err)
			}
		}
	}
	if err != nil {
		words := strings.NewReplacer("algorithm: must", "--algo: must", "environment: must", "--env: must")
		if f.config == "" {
			err = errors.New(words.Replace(err.Error()))
		}
		return c, err
	}
	return c, f.overrule(&c)
}

// overrule writes flags over a configuration.
func (f *trainFlags) overrule(c *training.Config) error {
	if f.flags.Changed("steps") && f.flags.Changed("episodes") {
		return errors.New("--steps, --episodes: exclude each other")
	}
	if f.flags.Changed("steps") {
		c.Steps, c.Episodes = f.steps, 0
	}
	if f.flags.Changed("episodes") {
		if f.episodes < 1 {
			return fmt.Errorf("--episodes: must be at least 1, got %d", f.episodes)
		}
		c.SetEpisodes(f.episodes)
	}
	if f.flags.Changed("seeds") {
		c.Seeds = f.seeds
	}
	if f.flags.Changed("seed") || f.config == "" {
		c.Seed = f.replay.service.seed
	}
	if f.clone && c.Clone == nil {
		c.Clone = training.DefaultClone()
	}
	return nil
}

// resumed is the configuration of the training that goes on.
func (f *trainFlags) resumed() (training.Config, error) {
	var errs []error
	for _, name := range []string{"algo", "steps", "episodes", "seed", "seeds", "config", "env", "clone", "init"} {
		if f.flags.Changed(name) {
			errs = append(errs, fmt.Errorf("--%s: --resume goes on with what %s says", name, filepath.Join(f.out, training.ConfigFile)))
		}
	}
	if len(errs) > 0 {
		return training.Config{}, errors.Join(errs...)
	}
	c, err := training.Resumed(f.out)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("--resume: no training was begun in %s: %w", f.out, err)
	}
	return c, err
}
