package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/cli"
)

// variant is one other service with those who play on it.
type variant struct {
	name string
	job  job
	// grid are the settings that the HPA is tuned over.
	grid map[string]bool
	// asTheyCome are settings that are no knob's.
	asTheyCome []string
}

// variantResult is what was found on one: what variants.json holds.
type variantResult struct {
	Variant string `json:"variant"`
	// Standings are those of knobs, of the HPA tuned per trace, and of settings as
	// they come.
	Standings []evaluate.Standing `json:"standings"`
	Targets   *evaluate.Targets   `json:"targets,omitempty"`
	// Results are without the grid of the HPA.
	Results evaluate.Results `json:"results"`
}

// variants are all results.
type variants struct {
	Levels   []float64       `json:"levels"`
	Variants []variantResult `json:"variants"`
}

// runVariants plays the variants of a protocol. Each is a judgement of its own;
// all keep their plays in one folder, beside those of the protocol.
func (f *evaluateFlags) runVariants(cmd *cobra.Command) error {
	p, candidate, all, err := f.prepareVariants()
	if err == nil {
		err = f.writable()
	}
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	found, err := f.playVariants(ctx, p, candidate, all)
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := found.save(filepath.Join(f.out, "variants.json")); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), found)
	}
	return printed(cmd.OutOrStdout(), func(w io.Writer, width int) { found.print(w, width) })
}

// prepareVariants checks everything before anything is played.
func (f *evaluateFlags) prepareVariants() (evaluate.Protocol, candidate, []variant, error) {
	p, open, err := f.readProtocol()
	if err != nil {
		return p, candidate{}, nil, err
	}
	if p.Variants == nil {
		return p, candidate{}, nil, fmt.Errorf("--variants: %s lays down none", f.protocol)
	}
	who, err := f.candidate(p)
	errs := []error{err}
	var all []variant
	for _, v := range p.Variants.Scenarios {
		one, err := f.variant(p, v, who)
		errs = append(errs, err)
		cases, err := p.VariantCases(v, open)
		errs = append(errs, err)
		one.job.cases = cases
		all = append(all, one)
	}
	return p, who, all, errors.Join(errs...)
}

// variant makes those who play on one.
func (f *evaluateFlags) variant(p evaluate.Protocol, v evaluate.ProtocolVariant, who candidate) (variant, error) {
	j := newJob()
	j.seeds, j.cluster = seedsFrom(1, p.Variants.Seeds), clusters(p)
	sweep, settings := p.Variants.Sweep, p.Variants.Calibration
	if len(v.Sweep) > 0 {
		sweep = v.Sweep
	}
	if len(v.Signals) > 0 {
		settings.Signals = v.Signals
	}
	asTheyCome, tuned := newJob(), newJob()
	errs := []error{j.add(f.contestants, f.swept(sweep, who), true), asTheyCome.add(f.contestants, p.Variants.Policies, false), tuned.add(f.contestants, settings.All(), false)}
	j.addMissing(asTheyCome.contestants)
	j.addMissing(tuned.contestants)
	j.addMissing(who.contestants)
	grid := map[string]bool{}
	for _, c := range tuned.contestants {
		grid[c.Name()] = true
	}
	return variant{name: v.Name, job: j, grid: grid, asTheyCome: p.Variants.Policies}, errors.Join(errs...)
}

func (f *evaluateFlags) playVariants(ctx context.Context, p evaluate.Protocol, who candidate, all []variant) (variants, error) {
	found := variants{Levels: p.Levels}
	for i, v := range all {
		results, err := f.judge(ctx, v.job, fmt.Sprintf("%d/%d %s", i+1, len(all), v.name), true)
		if err != nil {
			return found, err
		}
		found.Variants = append(found.Variants, v.analyse(results, who, p.Levels))
	}
	return found, nil
}

// analyse tells costs at equal violations: of the knobs, and of the HPA tuned
// with hindsight.
func (v variant) analyse(results evaluate.Results, who candidate, levels []float64) variantResult {
	r := variantResult{Variant: v.name, Results: results}
	swept := results
	swept.Runs = evaluate.Only(results.Runs, func(policy string) bool { return v.job.families[policy] != "" })
	r.Standings = swept.Standings(v.job.families, levels)
	a := analysis{Standings: r.Standings}
	for _, signal := range []string{"cpuUtilization", "requestRate"} {
		of := evaluate.Only(results.Runs, func(policy string) bool { return signalOf(policy) == signal })
		for _, h := range evaluate.InHindsight(of, levels) {
			h.Signal = signal
			a.Hindsight = append(a.Hindsight, h)
		}
	}
	fixed := who.fixed(r.Standings, results.Runs, v.asTheyCome, levels)
	r.Standings = slices.Concat(r.Standings, a.tuned(), fixed)
	r.Results.Runs = evaluate.Only(results.Runs, func(policy string) bool { return !v.grid[policy] })
	if who.family != "" {
		r.Targets = who.judge(results, results.Runs, v.job.families, levels, nil, v.job.cluster)
	}
	return r
}

// save writes what was found in one piece or not at all.
func (v variants) save(path string) error {
	return evaluate.WriteFile(path, func(w io.Writer) error { return writeJSON(w, v) })
}

// print writes a table for each level: a variant in each row.
func (v variants) print(w io.Writer, width int) {
	for _, level := range v.Levels {
		fmt.Fprintf(w, "at %s %% avoidable violations\n", strconv.FormatFloat(level*100, 'g', 4, 64))
		v.table(level).print(w, width)
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, foldText("× the clairvoyant's replica-hours at the level, median over traces, and on how many the level is held where that is not on all. default: the candidate's one setting, at its own violations. tuned: the HPA with hindsight per trace.", width)+"\n")
	for _, one := range v.Variants {
		if one.Targets == nil {
			continue
		}
		met := 0
		for _, row := range one.Targets.Rows {
			if row.Met {
				met++
			}
		}
		fmt.Fprintf(w, "%s: %s meets %d of %d targets with its default setting\n", one.Variant, one.Targets.Candidate, met, len(one.Targets.Rows))
	}
}

func (v variants) table(level float64) alignedTable {
	var t alignedTable
	var names, defaults, families []string
	for _, one := range v.Variants {
		names, defaults = append(names, one.Variant), append(defaults, one.atDefault(level))
		for _, s := range one.Standings {
			if !slices.Contains(families, s.Family) && s.Family != evaluate.OracleFamily && !strings.HasSuffix(s.Family, asItComes) && !strings.HasSuffix(s.Family, defaultSetting) {
				families = append(families, s.Family)
			}
		}
	}
	t.add("variant", false, names...)
	t.add("default", false, defaults...)
	for _, family := range families {
		var cells []string
		for _, one := range v.Variants {
			cells = append(cells, one.cell(family, level))
		}
		t.add(columnName(family), false, cells...)
	}
	return t
}

// columnName is a family where there is little room.
func columnName(family string) string {
	return strings.NewReplacer(tunedPerTrace+", on ", "tuned ", "cpuUtilization", "CPU", ":requestRate", " rate", "requestRate", "rate").Replace(family)
}

// atDefault is the candidate with its one setting, at its own violations.
func (r variantResult) atDefault(level float64) string {
	if r.Targets == nil {
		return ""
	}
	var ratios []float64
	held := 0
	for _, s := range r.Targets.Showings {
		if s.Level != level {
			continue
		}
		if ratios = append(ratios, s.ReplicaHours/s.OracleEqual); s.Held {
			held++
		}
	}
	if len(ratios) == 0 {
		return ""
	}
	return median(new(middle(ratios)), held, len(ratios))
}

// cell is a family at equal violations.
func (r variantResult) cell(family string, level float64) string {
	for _, s := range evaluate.SumUp(r.Standings, level) {
		if s.Family == family {
			return median(s.Median, s.Held, s.Traces)
		}
	}
	return ""
}

// median tells one, and on how many of all traces it holds.
func median(over *float64, held, of int) string {
	if held == of {
		return optional(over)
	}
	return fmt.Sprintf("%s %d/%d", optional(over), held, of)
}
