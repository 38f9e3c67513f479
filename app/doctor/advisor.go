package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/gemini"
	"github.com/flyball-io/flyball/advisor/llm"
	"github.com/flyball-io/flyball/advisor/openai"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/policy/advised"
)

// adviceTimeout is how long a server of a language model may take to say which it
// has.
const adviceTimeout = 10 * time.Second

// advisor asks the servers of language models that policies want advice of, and
// without a document those that the environment names. No question is put: it
// costs nothing.
func (p *patient) advisor(ctx context.Context) {
	asked := map[string]bool{}
	for i := range p.specs {
		needs, err := p.specs[i].Needs()
		if err != nil {
			continue // the document says so
		}
		for _, need := range needs {
			if cfg, is := need.Config.(*advised.Advisor); is && cfg.Simulated == nil && !asked[need.From] {
				asked[need.From] = true
				p.advises(ctx, p.specs[i].Name, *cfg)
			}
		}
	}
	if len(p.Files) == 0 && (os.Getenv(gemini.KeyVariable) != "" || os.Getenv(openai.URLVariable) != "" || os.Getenv(openai.KeyVariable) != "") {
		p.advises(ctx, "", advised.Default().Advisor)
	}
	if len(asked) > 0 || len(p.Files) == 0 {
		p.pace()
	}
}

// advises looks at one model.
func (p *patient) advises(ctx context.Context, target string, cfg advised.Advisor) {
	model, found, err := builtin.ModelOf(cfg, os.Getenv)
	if err != nil {
		p.fail(target, "advisor: "+err.Error(), "correct it in the document or in the environment")
		return
	}
	defer model.Close()
	name := model.Name()
	if found != "" {
		name += " (found: " + found + ")"
	}
	ctx, cancel := context.WithTimeout(ctx, adviceTimeout)
	defer cancel()
	if err := model.Check(ctx); err != nil {
		p.fail(target, fmt.Sprintf("%s does not advise, so the policy decides alone: %s", name, inOneLine(err)), mends(err))
		return
	}
	p.ok(target, name+" answers, takes the key and has the model")
}

// mends says what to do where the error does not.
func mends(err error) string {
	var later *advisor.Later
	switch {
	case errors.As(err, &later):
		return "wait, or ask for a higher quota"
	case errors.Is(err, advisor.ErrRefused):
		return "correct key, model or address (docs/advisor.md)"
	default:
		return "start the server, or name another one in advisor (docs/advisor.md)"
	}
}

// pace sees whether the environment states one that can be read.
func (p *patient) pace() {
	if _, err := llm.RPM(0); err != nil {
		p.fail("", err.Error(), "set a number above 0, or unset it")
	}
}
