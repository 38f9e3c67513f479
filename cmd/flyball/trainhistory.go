package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/policy/learned"
)

// promotion is whether a candidate takes the place of the model that is there.
type promotion struct {
	training.Held
	Promoted bool `json:"promoted"`
	// Why says it in a sentence.
	Why       string            `json:"why"`
	Candidate training.Outcome  `json:"candidate"`
	Base      training.Outcome  `json:"predictive"`
	Previous  *training.Outcome `json:"previous,omitempty"`
	candidate string
}

// errNotPromoted is the end of a training whose candidate did not win.
var errNotPromoted = errors.New("the candidate is not promoted")

// runHistory trains on a recorded demand, and promotes what wins where it was not
// trained.
func (f *trainFlags) runHistory(ctx context.Context, cmd *cobra.Command, job training.Job) error {
	if job.Config.Environment != "scaling" {
		return cli.UsageError{Err: errors.New("--history: goes with --env scaling")}
	}
	past, err := f.past(ctx, cmd)
	if err != nil {
		return err
	}
	parts, err := training.Split(past.scenario)
	if err != nil {
		return fmt.Errorf("--history: %w", err)
	}
	f.span = fmt.Sprintf("%s to %s",
		parts.To.Add(-parts.Recorded).UTC().Format(time.RFC3339), parts.To.UTC().Format(time.RFC3339))
	var previous *learned.Model
	path := filepath.Join(f.out, training.ModelFile)
	if previous, err = training.ReadModel(path); errors.Is(err, os.ErrNotExist) {
		previous, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("the model that is there: %w; move it away, or choose another --out", err)
	}
	if job.From == nil && !f.resume && previous != nil && job.Config.Algorithm != "dqn" {
		job.From = previous // it is fine-tuned
		if job.Config, err = job.Config.BeginWith(previous, f.stated); err != nil {
			return cli.UsageError{Err: fmt.Errorf("the model that is there: %w; or move the model away, or choose another --out", err)}
		}
	}
	if err := f.claimed(&job, training.NewClaim); err != nil {
		return err
	}
	if err := f.prepareHistory(ctx, &job, parts); err != nil {
		return err
	}
	job.Candidate = true
	result, err := f.train(ctx, &job)
	if err != nil {
		return err
	}
	t := &trained{flags: f, result: result}
	if t.promotion, err = f.promote(ctx, parts, result.Model, previous); err != nil {
		return fmt.Errorf("judge the candidate %s: %w; %s", filepath.Join(f.out, training.CandidateFile), err, f.goesOn("judges it again"))
	}
	if err := t.finish(ctx, cmd.OutOrStdout(), t.promotion.Promoted); err != nil {
		return err
	}
	if !t.promotion.Promoted {
		return fmt.Errorf("%w: %s", errNotPromoted, t.promotion.Why)
	}
	return nil
}

// past reads the history and makes a scenario of it, as flyball replay does.
func (f *trainFlags) past(ctx context.Context, cmd *cobra.Command) (*replayed, error) {
	r := &f.replay
	if strings.HasPrefix(f.historyOf, "http://") || strings.HasPrefix(f.historyOf, "https://") {
		r.past.server = f.historyOf
	} else {
		r.past.record = f.historyOf
	}
	r.smooth = f.trace.smooth
	specs, err := r.check(cmd)
	if err != nil {
		words := strings.NewReplacer("--record", "--history", "--prometheus", "--history")
		return nil, cli.UsageError{Err: errors.New(words.Replace(err.Error()))}
	}
	h, err := r.past.history(ctx)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "--record", "--history"))
	}
	if specs, err = r.chosen(specs, h.Target); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return r.recover(h, specs)
}

func (f *trainFlags) prepareHistory(ctx context.Context, job *training.Job, parts training.Parts) error {
	meter := newTrainMeter()
	defer meter.line.Done()
	var err error
	job.Ground, err = training.NewGround(ctx, job.Config, meter.preparing, parts.Tasks(job.Config)...)
	return f.stopped(err)
}

// promote judges the candidate on what was held out.
func (f *trainFlags) promote(ctx context.Context, parts training.Parts, candidate, previous *learned.Model) (*promotion, error) {
	p := &promotion{Held: parts.Held, candidate: filepath.Join(f.out, training.CandidateFile)}
	base, err := f.contestants.Parse(baseName)
	if err != nil {
		return nil, err
	}
	if p.Base, err = parts.Outcome(base); err != nil {
		return nil, err
	}
	of := func(m *learned.Model) (training.Outcome, error) {
		var who evaluate.Contestant
		if who, _, err = f.watched(m); err != nil {
			return training.Outcome{}, err
		}
		return parts.Outcome(who)
	}
	if p.Candidate, err = of(candidate); err != nil {
		return nil, err
	}
	rivals := []training.Rival{{Name: baseName, Outcome: p.Base}}
	if previous != nil {
		was, err := of(previous)
		if err != nil {
			return nil, err
		}
		p.Previous = &was
		rivals = append(rivals, training.Rival{Name: "the model that is there", Outcome: was})
	}
	if p.Promoted, p.Why = training.Wins(p.Candidate, rivals, parts.Allowed()); p.Promoted {
		return p, training.WriteModel(filepath.Join(f.out, training.ModelFile), candidate)
	}
	return p, ctx.Err()
}

func (p *promotion) print(w io.Writer, width int) {
	fmt.Fprint(w, foldText(fmt.Sprintf("%v was held out:", p.Held), width))
	names, all := []string{"candidate", baseName}, []training.Outcome{p.Candidate, p.Base}
	if p.Previous != nil {
		names, all = append(names, "previous model"), append(all, *p.Previous)
	}
	column := func(of func(training.Outcome) string) (cells []string) {
		for _, o := range all {
			cells = append(cells, of(o))
		}
		return cells
	}
	var t alignedTable
	t.add("policy", false, names...)
	t.add("cost", true, column(func(o training.Outcome) string { return fmt.Sprintf("%.2f", o.Cost) })...)
	t.add("replica-hours", true, column(func(o training.Outcome) string { return fmt.Sprintf("%.2f", o.ReplicaHours) })...)
	t.add("avoidable %", true, column(func(o training.Outcome) string { return percent(o.Violations) })...)
	t.print(w, width)
	verdict := "Promoted: "
	if !p.Promoted {
		verdict = "Not promoted: "
	}
	fmt.Fprint(w, foldText(verdict+p.Why+". cost: replica-hours, and violations at the price at which as many as are allowed cost one replica.", width))
	fmt.Fprintf(w, "candidate: %s\n", p.candidate)
}
