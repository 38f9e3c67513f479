package training

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/internal/atomicfile"
	"github.com/flyball-io/flyball/internal/boundedfile"
	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
)

// Files that a training writes.
const (
	ModelFile      = "model.flyball"
	CandidateFile  = "candidate.flyball"
	ConfigFile     = "config.yaml"
	SummaryFile    = "summary.csv"
	InitFile       = "init.flyball" // the model that was begun with
	checkpointFile = "checkpoint"
)

// Job is a training.
type Job struct {
	Config Config
	Dir    string
	Ground *Ground
	// Claim keeps others out of Dir; nil: Train takes one while it is at work.
	Claim *Claim
	// Resume goes on from the checkpoints in Dir.
	Resume bool
	// Candidate writes the model as a candidate for the place of the one that is there.
	Candidate bool
	// From is a model to begin with; nil: none.
	From *learned.Model
	// Progress hears of every update, from one goroutine at a time.
	Progress func(Status)
}

// Result is what came of it.
type Result struct {
	Config Config
	Points []Point // of all seeds, one after the other
	// Model is the best of all seeds, Seed whose it is; nil in another environment
	// than that of scaling.
	Model   *learned.Model
	Seed    uint64
	Verdict Verdict
	// Seeds are what each came to, in the environment of scaling.
	Seeds []Seed
	// Failed are seeds whose learner could not go on. What was their best until then
	// counts like that of others.
	Failed []Failure
	// Returns are what the policy of each seed comes to in an environment that is not
	// judged: mean of 20 episodes.
	Returns []float64
	// Pictures are those that were drawn, by their names without an ending; Undrawn is
	// why others were not.
	Pictures, Undrawn []string
}

// Seed is what the training of one seed came to.
type Seed struct {
	Seed  uint64 `json:"seed"`
	Steps int    `json:"steps"` // that were taken
	// BestAfter is after how many of them the best was found; 0: it began with it.
	BestAfter int     `json:"bestAfter"`
	Judged    Verdict `json:"judged"` // the best
	Kept      bool    `json:"kept"`   // it costs least of all seeds
}

// Failure is why a learner could not go on.
type Failure struct {
	Seed  uint64 `json:"seed"`
	Error string `json:"error"`
}

// ErrStopped is returned by a training that was stopped; its checkpoint is written.
var ErrStopped = errors.New("stopped; a checkpoint is written")

// ErrUnfinished is what a training is refused with that would begin anew over
// another's checkpoint.
var ErrUnfinished = errors.New("a training is not finished there: resume it, choose another folder, or take the checkpoint away")

// ErrBrokenOff is returned by a training that could not go on, or not write what it
// came to, while the checkpoints in its folder hold what was learned until then.
var ErrBrokenOff = errors.New("broken off")

// Train trains all seeds, and writes what each comes to as it goes.
func Train(ctx context.Context, job Job) (Result, error) {
	if job.Claim == nil {
		claim, err := NewClaim(job.Dir)
		if err != nil {
			return Result{}, err
		}
		defer claim.Release()
	}
	if err := job.Check(); err != nil {
		return Result{}, err
	}
	if err := job.writeConfig(); err != nil {
		return Result{}, err
	}
	if err := job.lend(); err != nil {
		return Result{}, err
	}
	sessions, err := job.sessions(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := job.run(ctx, sessions); err != nil {
		return Result{}, job.brokenOff(err)
	}
	r, err := job.result(sessions)
	return r, job.brokenOff(err)
}

// brokenOff says of an error whether there is something to go on from.
func (job Job) brokenOff(err error) error {
	if err == nil || errors.Is(err, ErrStopped) {
		return err
	}
	if b, broken := ReadBegun(job.Dir); broken != nil || !b.Kept {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBrokenOff, err)
}

// mayBegin refuses to begin anew over what may be hours of training.
func (job Job) mayBegin() error {
	if job.Resume {
		return nil
	}
	begun, err := ReadBegun(job.Dir)
	if err == nil && begun.Unfinished != "" {
		err = fmt.Errorf("%s: %w", begun.Unfinished, ErrUnfinished)
	}
	return err
}

func (job Job) writeConfig() error {
	text, err := job.Config.YAML()
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(job.Dir, ConfigFile), text, 0o644)
}

// dirOf is where a seed keeps what is its own: with several, each has a folder.
func (job Job) dirOf(seed uint64) string {
	if job.Config.Seeds == 1 {
		return job.Dir
	}
	return filepath.Join(job.Dir, fmt.Sprintf("seed-%d", seed))
}

// sessions are the learners of all seeds, where they begin or go on.
func (job Job) sessions(ctx context.Context) ([]*session, error) {
	id, err := job.identity()
	if err != nil {
		return nil, err
	}
	var all []*session
	for i := range job.Config.Seeds {
		s, err := newSession(job.Config, job.Config.Seed+uint64(i), job.Ground)
		if err != nil {
			return nil, err
		}
		s.identity = id
		dir := job.dirOf(s.seed)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		known := false
		if job.Resume {
			if known, err = s.resume(dir); err != nil {
				return nil, err
			}
		}
		if !known {
			if err := s.begin(ctx, job.From); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// run lets all learn, as many at a time as there are cores.
func (job Job) run(ctx context.Context, sessions []*session) error {
	var mu sync.Mutex // guards status and Progress
	status := Status{All: len(sessions) * job.Config.Steps}
	taken := map[uint64]int{}
	tell := func(p Point) {
		mu.Lock()
		defer mu.Unlock()
		taken[p.Seed] = p.Steps
		status.Steps, status.Newest = 0, p
		for _, n := range taken {
			status.Steps += n
		}
		if job.Progress != nil {
			job.Progress(status)
		}
	}
	g := new(errgroup.Group)
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for _, s := range sessions {
		if s.ended {
			tell(Point{Seed: s.seed, Progress: rl.Progress{Steps: job.Config.Steps}})
			continue
		}
		g.Go(func() error { return job.learn(ctx, s, tell) })
	}
	return g.Wait()
}

// learn trains one seed. Stopped or at its end, it leaves a checkpoint.
func (job Job) learn(ctx context.Context, s *session, tell func(Point)) error {
	dir := job.dirOf(s.seed)
	keep := func() error { return s.keep(dir) }
	err := s.learn(ctx, tell, keep)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("seed %d: %w", s.seed, err)
	}
	if kept := keep(); kept != nil {
		return kept
	}
	if err != nil {
		return ErrStopped
	}
	return nil
}

// keep writes what is known so far.
func (s *session) keep(dir string) error {
	if err := s.save(dir); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, SummaryFile), Summary(s.points), 0o644)
}

// result chooses the best seed, and writes models, summary and pictures: what took
// longest to come to is written first.
func (job Job) result(sessions []*session) (Result, error) {
	r := Result{Config: job.Config}
	for _, s := range sessions {
		r.Points = append(r.Points, s.points...)
		if s.failed != "" {
			r.Failed = append(r.Failed, Failure{s.seed, s.failed})
		}
		if job.Config.Environment != onScaling {
			r.Returns = append(r.Returns, rl20(s))
			continue
		}
		if err := job.addSeed(&r, s); err != nil {
			return r, err
		}
	}
	if r.Model != nil {
		for i := range r.Seeds {
			r.Seeds[i].Kept = r.Seeds[i].Seed == r.Seed
		}
		if err := WriteModel(filepath.Join(job.Dir, job.modelFile()), r.Model); err != nil {
			return r, err
		}
	}
	if err := atomicfile.Write(filepath.Join(job.Dir, SummaryFile), Summary(r.Points), 0o644); err != nil {
		return r, err
	}
	job.draw(&r)
	return r, nil
}

// addSeed adds what a seed came to, and keeps its model if it costs least so far.
func (job Job) addSeed(r *Result, s *session) error {
	m, err := s.model()
	if err != nil {
		return err
	}
	if r.Model == nil || s.verdict.OverBase < r.Verdict.OverBase {
		r.Model, r.Seed, r.Verdict = m, s.seed, s.verdict
	}
	r.Seeds = append(r.Seeds, s.cameTo())
	if job.Config.Seeds == 1 {
		return nil
	}
	return WriteModel(filepath.Join(job.dirOf(s.seed), ModelFile), m)
}

// cameTo is what is told of a seed.
func (s *session) cameTo() Seed {
	one := Seed{Seed: s.seed, Judged: s.verdict}
	for _, p := range s.points {
		one.Steps = p.Steps
		if one.BestAfter == 0 && p.Verdict != nil && *p.Verdict == s.verdict {
			one.BestAfter = p.Steps
		}
	}
	return one
}

// modelFile is where the model is written: a candidate has to win first.
func (job Job) modelFile() string {
	if job.Candidate {
		return CandidateFile
	}
	return ModelFile
}

// WriteModel writes a model as a file.
func WriteModel(path string, m *learned.Model) error {
	data, err := m.Bytes()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, data, 0o644)
}

// ReadModel reads a model: one in the program by its name, else a file.
func ReadModel(path string) (*learned.Model, error) {
	data, err := learned.Find(path, func(name string) ([]byte, error) { return boundedfile.Read(name, learned.MostBytes) })
	if err != nil {
		return nil, err
	}
	m, err := learned.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Resumed is the configuration of a folder that a training was stopped in.
func Resumed(dir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return Config{}, err
	}
	c, err := Read(bytes.TrimSpace(text), "", "")
	if err != nil {
		return c, fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	return c, nil
}

// rl20 plays twenty episodes of an environment with the best actions.
func rl20(s *session) float64 { return greedy(s.cfg, s.seed+1000, s.learner.Policy(), 20) }

// greedy is the mean return of episodes with the best actions.
func greedy(cfg Config, seed uint64, net *neural.Net, episodes int) float64 {
	cfg.Scaling.Copies = episodes
	env, err := environment(cfg, seed, nil)
	if err != nil {
		return 0
	}
	step, think := rl.NewStep(env), net.NewInference()
	scores, actions := make([]float32, episodes*env.Actions()), make([]int, episodes)
	over, sum := make([]bool, episodes), 0.0
	env.Reset(step)
	for left := episodes; left > 0; {
		think.Infer(step.Observations, scores)
		for i := range actions {
			actions[i] = rl.Best(scores[i*env.Actions():(i+1)*env.Actions()], step.Allowed[i*env.Actions():(i+1)*env.Actions()])
		}
		env.Act(actions, step)
		for i := range over {
			if over[i] {
				continue
			}
			sum += float64(step.Rewards[i])
			if over[i] = step.Terminated[i] || step.Truncated[i]; over[i] {
				left--
			}
		}
	}
	return sum / float64(episodes)
}
