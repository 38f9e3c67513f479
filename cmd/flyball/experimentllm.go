package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

// llmAI is what --ai says of a language model; the flags beside it are its.
const (
	llmAI      = "llm"
	ollamaFlag = "ollama-url"
	modelFlag  = "model"
)

// reachTime is how long a server may take to say which models it has.
const reachTime = 10 * time.Second

// policy is how the decisions of the other scaler are known.
func (f *experimentFlags) policy() string {
	if f.ai == llmAI {
		return advised.Kind
	}
	return f.ai
}

// other is the policy that is compared with the HPA. A language model is asked at
// each interval, and what it says is valid until it was asked twice more. Where
// nobody measures requests it advises the HPA itself.
func (f *experimentFlags) other(hpa fields) fields {
	if f.ai != llmAI {
		return fields{f.ai: fields{}}
	}
	age := min(max(3*f.interval, 5*time.Minute), time.Hour)
	policy := fields{"advisor": fields{
		"openai": fields{"url": f.ollama, "model": f.model}, "always": true,
		"every": scale.Duration(f.interval - f.interval/4).String(), "maxAge": scale.Duration(age).String(),
	}}
	if f.unmeasured() {
		policy["base"] = hpa
	}
	return fields{advised.Kind: policy}
}

// unmeasured reports whether nobody counts the requests.
func (f *experimentFlags) unmeasured() bool { return f.rate == "" && f.place.compose == "" }

// checkAI says what is wrong with the flags of a language model.
func (f *experimentFlags) checkAI(cmd *cobra.Command) (errs []error) {
	for _, name := range []string{ollamaFlag, modelFlag} {
		if f.ai != llmAI && cmd.Flags().Changed(name) {
			errs = append(errs, fmt.Errorf("--%s: is of --ai llm, got --ai %s", name, f.ai))
		}
	}
	return errs
}

// reach refuses an experiment with a language model that nobody would answer for.
func (f *experimentFlags) reach(ctx context.Context) error {
	if f.ai != llmAI {
		return nil
	}
	model, _, err := builtin.ModelOf(advised.Advisor{OpenAI: &advised.OpenAI{URL: f.ollama, Model: f.model}}, os.Getenv)
	if err != nil {
		return cli.UsageError{Err: fmt.Errorf("--%s: %w", ollamaFlag, err)}
	}
	defer model.Close()
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	if err := model.Check(ctx); err != nil {
		return fmt.Errorf("--ai llm: %s cannot be asked: %w; mend that, name another with --ollama-url and --model, or compare without a model: --ai predictive", model.Name(), err)
	}
	return nil
}

// said keeps the newest answer while it is valid, else why there is none.
func (p *phase) said(x control.Exchange) {
	if was := p.advised; x.Advised.Error != "" && was != nil && was.Error == "" && x.At.Before(was.Expires) {
		return
	}
	p.advised = &x.Advised
}
