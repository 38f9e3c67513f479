package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/scale"
)

// trained is what came of a training.
type trained struct {
	flags      *trainFlags
	result     training.Result
	evaluation *trainEvaluation
	promotion  *promotion
}

func (t *trained) model() string { return filepath.Join(t.flags.out, training.ModelFile) }

// document is what --json prints.
func (t *trained) document() any {
	d := struct {
		Out        string             `json:"out"`
		Config     training.Config    `json:"config"`
		Steps      int                `json:"steps"`
		Model      string             `json:"model,omitempty"`
		Seed       uint64             `json:"seed"`
		Judged     *training.Verdict  `json:"judged,omitempty"`
		Returns    []float64          `json:"returns,omitempty"`
		Seeds      []training.Seed    `json:"seeds,omitempty"`
		Failed     []training.Failure `json:"failed,omitempty"`
		Undrawn    []string           `json:"undrawn,omitempty"`
		Promotion  *promotion         `json:"promotion,omitempty"`
		Evaluation *trainEvaluation   `json:"evaluation,omitempty"`
	}{Out: t.flags.out, Config: t.result.Config, Seed: t.result.Seed, Returns: t.result.Returns, Seeds: t.result.Seeds, Failed: t.result.Failed, Undrawn: t.result.Undrawn, Promotion: t.promotion, Evaluation: t.evaluation}
	for i := range t.result.Points {
		d.Steps = max(d.Steps, t.result.Points[i].Steps)
	}
	if t.result.Model != nil {
		d.Model, d.Judged = t.model(), &t.result.Verdict
	} else {
		d.Seed = t.result.Config.Seed
	}
	return d
}

// finish evaluates the model, where there is one to evaluate, and shows what came of
// the training also when that fails or is interrupted.
func (t *trained) finish(ctx context.Context, out io.Writer, model bool) error {
	var failed error
	if model && !t.flags.noEvaluate {
		if t.evaluation, failed = t.flags.evaluate(ctx, t.model()); failed != nil {
			failed = fmt.Errorf("evaluate the model: %w; it is whole, in %s: %s", failed, t.model(), t.flags.goesOn("evaluates it later and trains nothing again"))
		}
	}
	return errors.Join(t.show(out), failed)
}

func (t *trained) show(out io.Writer) error {
	if t.flags.json {
		return printJSON(out, t.document())
	}
	return printed(out, t.print)
}

func (t *trained) print(w io.Writer, width int) {
	c := t.result.Config
	steps := 0
	for i := range t.result.Points {
		steps = max(steps, t.result.Points[i].Steps)
	}
	fmt.Fprint(w, foldText(fmt.Sprintf("%s on %s, %s steps each", c.Algorithm, c.Environment, inThousands(steps))+seedWords(c), width))
	for i, r := range t.result.Returns {
		fmt.Fprintf(w, "seed %d: %.1f per episode with the best actions, mean of 20\n", c.Seed+uint64(i), r)
	}
	if len(t.result.Seeds) > 1 {
		t.printSeeds(w, width)
	}
	for _, failed := range t.result.Failed {
		fmt.Fprint(w, foldText(fmt.Sprintf("seed %d failed: %s. What was its best until then is kept.", failed.Seed, failed.Error), width))
	}
	if v := t.result.Verdict; t.result.Model != nil {
		fmt.Fprint(w, foldText(fmt.Sprintf("Judged on %s, drawn apart from those it was trained on, it costs %.3f × what predictive does (replica-hours %.3f ×), and violates %.2f × what is allowed, predictive %.2f ×.",
			scale.Count(c.Workloads.Judged, "load"), v.OverBase, v.Replicas, v.Violations, v.BaseViolations), width))
		if advice := t.advice(steps); advice != "" {
			fmt.Fprint(w, foldText(advice, width))
		}
	}
	if t.promotion != nil {
		fmt.Fprintln(w)
		t.promotion.print(w, width)
	}
	if t.evaluation != nil {
		fmt.Fprintln(w)
		t.evaluation.print(w, width)
	}
	t.files(w)
}

func seedWords(c training.Config) string {
	if c.Seeds == 1 {
		return fmt.Sprintf(", seed %d", c.Seed)
	}
	return fmt.Sprintf(", seeds %d to %d", c.Seed, c.Seed+uint64(c.Seeds)-1)
}

// files says what lies where.
func (t *trained) files(w io.Writer) {
	fmt.Fprintln(w)
	rows := [][2]string{}
	if t.result.Model != nil && (t.promotion == nil || t.promotion.Promoted) {
		rows = append(rows, [2]string{"model", t.model()})
	}
	if drawn := t.result.Pictures; len(drawn) > 0 {
		rows = append(rows, [2]string{"curves", filepath.Join(t.flags.out, strings.Join(drawn, ".png, ")+".png") + " (and .svg)"})
	}
	rows = append(rows, [2]string{"summary", filepath.Join(t.flags.out, training.SummaryFile)})
	if t.evaluation != nil {
		rows = append(rows, [2]string{"report", reportPath(t.evaluation.out)})
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%-8s %s\n", r[0]+":", r[1])
	}
	for _, why := range t.result.Undrawn {
		fmt.Fprintf(w, "no picture of %s\n", why)
	}
}
