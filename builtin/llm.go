package builtin

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/gemini"
	"github.com/flyball-io/flyball/advisor/llm"
	"github.com/flyball-io/flyball/advisor/openai"
	"github.com/flyball-io/flyball/advisor/simulated"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

// standInDelay is how long an answer takes of who stands in for a language model
// in a simulation: about what one takes.
const standInDelay = scale.Duration(10 * time.Second)

// newLLMAdvisor makes who advises the policy advised. In a simulation no model is
// asked: thousands of questions an hour would cost money, and answers of now say
// nothing of a time that is played.
func newLLMAdvisor(cfg advised.Advisor, env advisor.Env) (advisor.Advisor, error) {
	if cfg.Simulated == nil && env.Simulation {
		cfg.Simulated = &advised.Simulated{Quality: advised.Good, Delay: standInDelay}
	}
	if cfg.Simulated != nil {
		return simulated.New(cfg, env), nil
	}
	model, found, err := ModelOf(cfg, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("advisor: %w", err)
	}
	if found != "" {
		env.Log.Info("advisor found", slog.String("target", env.Target), slog.String("model", model.Name()), slog.String("by", found))
	}
	return llm.New(cfg, model, env), nil
}

// Model is a language model whose server can be looked at without a question.
type Model interface {
	advisor.Model
	// Check says whether the server answers, takes the key and has the model.
	Check(ctx context.Context) error
}

// The variables of the environment that name a model.
const (
	geminiModelVariable = "GEMINI_MODEL"
	openAIModelVariable = "OPENAI_MODEL"
)

// openAIModel is OpenAI's own that is asked where only a key is found.
const openAIModel = "gpt-4o-mini"

// ModelOf is the model that a configuration names, without I/O. Where it names
// none it is found in the environment, and said by what: GEMINI_API_KEY; else
// OPENAI_BASE_URL; else OPENAI_API_KEY, which is OpenAI's own; else Ollama on this
// machine. GEMINI_MODEL and OPENAI_MODEL say which of its models one that is found so is
// asked.
func ModelOf(cfg advised.Advisor, getenv func(string) string) (m Model, found string, err error) {
	if cfg.Gemini == nil && cfg.OpenAI == nil {
		cfg, found = inEnvironment(cfg, getenv)
	}
	if cfg.Gemini != nil {
		m, err = model(gemini.New(named(*cfg.Gemini), getenv))
	} else {
		m, err = model(openai.New(namedOpenAI(*cfg.OpenAI), getenv))
	}
	return m, found, err
}

// model keeps a typed nil from becoming a model.
func model[M Model](m M, err error) (Model, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

func inEnvironment(cfg advised.Advisor, getenv func(string) string) (advised.Advisor, string) {
	its := getenv(openAIModelVariable)
	switch {
	case getenv(gemini.KeyVariable) != "":
		cfg.Gemini = &advised.Gemini{Model: getenv(geminiModelVariable)}
		return cfg, gemini.KeyVariable
	case getenv(openai.URLVariable) != "":
		cfg.OpenAI = &advised.OpenAI{Model: its}
		return cfg, openai.URLVariable
	case getenv(openai.KeyVariable) != "":
		cfg.OpenAI = &advised.OpenAI{URL: openai.ServiceURL, Model: cmp.Or(its, openAIModel)}
		return cfg, openai.KeyVariable
	default:
		cfg.OpenAI = &advised.OpenAI{URL: openai.OllamaURL, Model: its}
		return cfg, "Ollama on this machine"
	}
}

func named(g advised.Gemini) advised.Gemini {
	if g.Model == "" {
		g.Model = advised.DefaultGemini
	}
	return g
}

func namedOpenAI(o advised.OpenAI) advised.OpenAI {
	if o.Model == "" {
		o.Model = advised.DefaultOpenAI
	}
	return o
}
