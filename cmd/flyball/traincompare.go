package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/atomicfile"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/rl/scaling"
	"github.com/flyball-io/flyball/scale"
)

// trainComparison is how the models of several seeds do beside predictive.
type trainComparison struct {
	Models []string            `json:"models"`
	Seed   uint64              `json:"seed"` // of the drawn loads
	Groups []training.Compared `json:"groups"`
	// Audit is of the envelopes of all models' runs that the last call with any played.
	Audit    *training.Audit    `json:"envelope"`
	Lambda   float64            `json:"lambda"`
	Failures []evaluate.Failure `json:"failures,omitempty"`
}

const (
	comparisonFile = "comparison.json"
	// comparisonFolder keeps what was played: the same command goes on from there.
	comparisonFolder = "comparison"
	// drawnApart moves the seed of loads that are compared on: it is that of no
	// training and of nothing that judges one.
	drawnApart = 0x636f_6d70
	// leastRisk and mostRisk bound the positions of predictive's knob.
	leastRisk, mostRisk = 0.3, 10
	warmupOfDrawn       = 10 * time.Minute
	recordedGroup       = "recorded"
)

// contest is what is played for a comparison.
type contest struct {
	job    job
	field  training.Field
	groups []struct {
		name   string
		traces []string
	}
	audit  *training.Audit
	lambda float64
	models []string
}

// runCompare plays models beside predictive at all positions of its knob.
func (f *trainFlags) runCompare(ctx context.Context, cmd *cobra.Command) error {
	c, err := f.contest()
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(ctx)
	defer stop()
	kept := filepath.Join(f.out, comparisonFolder)
	claim, err := training.NewClaim(kept)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	defer claim.Release()
	results, err := (&evaluateFlags{contestants: f.contestants, perReplicaHour: 1, out: kept}).judge(ctx, c.job, "comparing", false)
	if err != nil {
		return err
	}
	c.field.Runs = results.Runs
	found := trainComparison{Models: c.models, Seed: f.replay.service.seed, Audit: c.audit, Lambda: c.lambda, Failures: results.Failures}
	for _, g := range c.groups {
		found.Groups = append(found.Groups, c.field.Compare(g.name, g.traces))
	}
	if found.Audit.Runs == 0 {
		f.auditBefore(&found)
	}
	if err := f.keepComparison(found); err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), found)
	}
	return printed(cmd.OutOrStdout(), func(w io.Writer, width int) { found.print(w, width) })
}

// auditBefore takes over the audit of an earlier call: all had been played then.
func (f *trainFlags) auditBefore(found *trainComparison) {
	var before trainComparison
	text, err := os.ReadFile(filepath.Join(f.out, comparisonFile))
	if err == nil && json.Unmarshal(text, &before) == nil && before.Audit != nil {
		found.Audit = before.Audit
	}
}

func (f *trainFlags) keepComparison(found trainComparison) error {
	text, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(f.out, comparisonFile), append(text, '\n'), 0o644)
}

// contest checks the flags and makes everything that is played.
func (f *trainFlags) contest() (*contest, error) {
	errs := []error{f.unread("compare", []string{"compare", "loads", "seed", "out", "json"})}
	if f.loads < 1 || f.loads > 1000 {
		errs = append(errs, fmt.Errorf("--loads: must be 1 to 1000, got %d", f.loads))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	envelope := v1alpha1.Envelope{}
	envelope.Complete()
	c := &contest{job: newJob(), audit: &training.Audit{}, lambda: envelope.Lambda}
	c.field = training.Field{Allowed: map[string]float64{}, Base: baseName, Cluster: func(trace string) string { return trace }}
	return c, errors.Join(c.addModels(f), c.addBase(f), c.addDrawn(f), c.addRecorded())
}

// addModels adds what --compare names: models, or folders of trainings.
func (c *contest) addModels(f *trainFlags) error {
	for _, name := range f.compare {
		paths := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			paths = modelsIn(name)
		}
		if len(paths) == 0 {
			return fmt.Errorf("--compare: %s holds no %s", name, training.ModelFile)
		}
		for _, path := range paths {
			data, err := modelFile(path)
			if err != nil {
				return fmt.Errorf("--compare: %w", err)
			}
			who, err := f.contestants.Parse("learned:model=" + strconv.Quote(path))
			if err != nil {
				return fmt.Errorf("--compare: %w", err)
			}
			// Plays are kept under the name: it is of what the file holds.
			who.Params = fmt.Sprintf("%d-%x", len(c.models)+1, sha256.Sum256(data))[:12]
			c.models, c.field.Models = append(c.models, path), append(c.field.Models, who.Name())
			if err := c.job.addOne(c.audit.Of(who, c.lambda)); err != nil {
				return err
			}
		}
	}
	return nil
}

// modelFile is the file of a model that can be read.
func modelFile(path string) ([]byte, error) {
	m, err := training.ReadModel(path)
	if err != nil {
		return nil, err
	}
	return m.Bytes()
}

// modelsIn are the models of a training: those of its seeds, or its only one.
func modelsIn(dir string) []string {
	paths, err := filepath.Glob(filepath.Join(dir, "seed-*", training.ModelFile))
	if err == nil && len(paths) > 0 {
		slices.Sort(paths)
		return paths
	}
	path := filepath.Join(dir, training.ModelFile)
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return []string{path}
}

// addBase adds predictive as it comes and at the positions of its knob.
func (c *contest) addBase(f *trainFlags) error {
	base, err := f.contestants.Parse(baseName)
	if err != nil {
		return err
	}
	sweep, err := f.contestants.Sweep(baseName)
	if err != nil {
		return err
	}
	c.field.Sweep = []string{base.Name()}
	errs := []error{c.job.addOne(base)}
	for _, one := range sweep.Contestants {
		if one.Knob >= leastRisk && one.Knob <= mostRisk && one.Knob != 1 { // 1 is as it comes
			c.field.Sweep = append(c.field.Sweep, one.Name())
			errs = append(errs, c.job.addOne(one))
		}
	}
	return errors.Join(errs...)
}

func (c *contest) add(group string, cases []evaluate.Case) {
	var traces []string
	for _, one := range cases {
		traces = append(traces, one.Trace)
		c.field.Allowed[one.Trace] = 1 - one.Scenario.Objective.Target
	}
	c.groups = append(c.groups, struct {
		name   string
		traces []string
	}{group, traces})
}

// addDrawn draws loads of each family, those held out among them.
func (c *contest) addDrawn(f *trainFlags) error {
	c.job.seeds = seedsFrom(1, 1)
	for _, family := range slices.Concat(scaling.Families(false), scaling.Families(true)) {
		tasks, err := scaling.Draw([]string{family}, f.loads, drawnApart+f.replay.service.seed)
		if err != nil {
			return err
		}
		var cases []evaluate.Case
		for _, t := range tasks {
			t.Scenario.Warmup = warmupOfDrawn
			cases = append(cases, evaluate.Case{Trace: t.Scenario.Name, Scenario: t.Scenario, Fluid: true})
		}
		c.job.cases = append(c.job.cases, cases...)
		c.add(family, cases)
	}
	return nil
}

// addRecorded adds the report list of the protocol, where its traces are known: all
// together, and each alone.
func (c *contest) addRecorded() error {
	folder := os.Getenv(tracesVariable)
	if _, missing := os.Stat(protocolFile); folder == "" || missing != nil {
		return nil
	}
	p, err := evaluate.ReadProtocol(protocolFile, nil)
	if err != nil {
		return err
	}
	cases, err := openAll(p, p.Report, opener(folder))
	if err != nil {
		return err
	}
	for i := range cases {
		cases[i].Fluid = true
	}
	files := clusters(p)
	c.field.Cluster = func(trace string) string {
		if file := files(trace); file != "" {
			return file
		}
		return trace
	}
	c.job.cases = append(c.job.cases, cases...)
	c.add(recordedGroup, cases)
	for _, one := range cases {
		c.add("· "+one.Trace, []evaluate.Case{one})
	}
	return nil
}

func (t *trainComparison) print(w io.Writer, width int) {
	fmt.Fprint(w, foldText(fmt.Sprintf("%s beside predictive on the same loads, as a fluid and behind their envelopes; in brackets what 95 %% of bootstrap resamples of models and loads lie between:", scale.Count(len(t.Models), "model")), width))
	fmt.Fprintln(w)
	t.table().print(w, width)
	fmt.Fprint(w, foldText("violations: avoidable ones over those allowed. × hours, × cost: over predictive as it comes, a geometric mean; cost counts violations at the tariff's price, worst is one model on one load. equal: × hours over predictive with the risk at which it violates as much (–: at no risk it does); its own: the same of predictive as it comes.", width))
	a := t.Audit
	fmt.Fprint(w, foldText(fmt.Sprintf("Envelope: %d breaches of 1 + λ = %v in %s, %d decisions; the most that was spent is %.3f × the expert's. It set %.2f %% of the counts; accounts began anew %d times after the first decision of a run.",
		a.Breaches, 1+t.Lambda, scale.Count(a.Runs, "run"), a.Decisions, a.Most, 100*float64(a.Limited)/float64(max(1, a.Decisions)), a.Begun-a.Runs), width))
	for _, g := range t.Groups {
		if g.LeftOut > 0 {
			fmt.Fprint(w, foldText(fmt.Sprintf("%s: %s of %d left out, on which a play of a model or of predictive failed.", g.Group, scale.Count(g.LeftOut, "load"), g.LeftOut+g.Loads), width))
		}
	}
	for _, failure := range t.Failures {
		fmt.Fprint(w, foldText(fmt.Sprintf("failed: %s on %s: %s", failure.Policy, failure.Trace, failure.Error), width))
	}
}

func (t *trainComparison) table() alignedTable {
	var names []string
	column := func(text func(training.Compared) string) (cells []string) {
		for _, g := range t.Groups {
			if g.Loads == 0 { // all are left out
				cells = append(cells, "–")
				continue
			}
			cells = append(cells, text(g))
		}
		return cells
	}
	for _, g := range t.Groups {
		names = append(names, g.Group)
	}
	estimate := func(e training.Estimate) string { return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Mean, e.Low, e.High) }
	var table alignedTable
	table.add("loads", false, names...)
	table.add("violations", true, column(func(c training.Compared) string {
		return fmt.Sprintf("%.2f [%.2f, %.2f]", c.Violations.Mean, c.Violations.Low, c.Violations.High)
	})...)
	table.add("predictive", true, column(func(c training.Compared) string { return fmt.Sprintf("%.2f", c.BaseViolations) })...)
	table.add("× hours", true, column(func(c training.Compared) string { return estimate(c.Hours) })...)
	table.add("× cost", true, column(func(c training.Compared) string { return estimate(c.Cost) })...)
	table.add("worst", true, column(func(c training.Compared) string { return fmt.Sprintf("%.3f", c.Worst) })...)
	table.add("equal", true, column(func(c training.Compared) string {
		switch {
		case c.Equal == nil:
			return "–"
		case c.Equal.Low == 0:
			return fmt.Sprintf("%.3f", c.Equal.Mean)
		}
		return estimate(*c.Equal)
	})...)
	table.add("its own", true, column(func(c training.Compared) string {
		if c.EqualBase == nil {
			return "–"
		}
		return fmt.Sprintf("%.3f", *c.EqualBase)
	})...)
	return table
}
