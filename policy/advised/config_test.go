package advised_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

func TestFaultsOfConfigurations(t *testing.T) {
	simulated := func(s advised.Simulated) func(*advised.Config) {
		return func(c *advised.Config) { c.Advisor.Simulated = &s }
	}
	for name, tc := range map[string]struct {
		change func(*advised.Config)
		want   string // "": none
	}{
		"all defaults":         {func(*advised.Config) {}, ""},
		"gemini by its name":   {func(c *advised.Config) { c.Advisor.Gemini = &advised.Gemini{} }, ""},
		"nobody decides":       {func(c *advised.Config) { c.Base = scale.Plugin{} }, "base: needs exactly one policy"},
		"no service":           {func(c *advised.Config) { c.Service.Concurrency = -1 }, "service.concurrency: must not be negative"},
		"two are asked":        {func(c *advised.Config) { c.Advisor.Gemini, c.Advisor.OpenAI = &advised.Gemini{}, &advised.OpenAI{} }, "advisor.gemini: at most one of"},
		"another question":     {func(c *advised.Config) { c.Advisor.Question = "why" }, `advisor.question: must be replicas or thresholds, got "why"`},
		"no pace":              {func(c *advised.Config) { c.Advisor.Every = 0 }, "advisor.every: must be above 0"},
		"no time":              {func(c *advised.Config) { c.Advisor.Timeout = 0 }, "advisor.timeout: must be above 0 and at most 10m"},
		"no validity":          {func(c *advised.Config) { c.Advisor.MaxAge = 0 }, "advisor.maxAge: must be above 0 and at most 1h"},
		"expires as it comes":  {func(c *advised.Config) { c.Advisor.MaxAge = c.Advisor.Timeout }, "advisor.timeout: must be below maxAge (1m)"},
		"no rate":              {func(c *advised.Config) { c.Advisor.RPM = math.NaN() }, "advisor.rpm: must not be negative"},
		"too hot":              {func(c *advised.Config) { c.Advisor.Temperature = 2.1 }, "advisor.temperature: must be between 0 and 2"},
		"a key in the address": {func(c *advised.Config) { c.Advisor.OpenAI = &advised.OpenAI{URL: "http://a:secret@host"} }, "advisor.openai.url: must begin with"},
		"money without prices": {func(c *advised.Config) { c.Advisor.Budget.MoneyPerDay = 1 }, "advisor.budget.moneyPerDay: needs inputPrice"},
		"negative tokens":      {func(c *advised.Config) { c.Advisor.Budget.TokensPerDay = -1 }, "advisor.budget.tokensPerDay: must not be negative"},
		"another quality":      {simulated(advised.Simulated{Quality: "clever"}), `advisor.simulated.quality: must be one of [good`},
		"knows nothing":        {simulated(advised.Simulated{Quality: advised.Knowing}), "advisor.simulated.knows: must not be empty"},
		"no crowd": {simulated(advised.Simulated{Quality: advised.Knowing, Knows: []advised.Foreknown{{For: scale.Duration(time.Minute), Times: 0.5}}}),
			"advisor.simulated.knows[0]: at and every"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := advised.Default()
			tc.change(&cfg)
			err := cfg.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes a password: %v", err)
			}
		})
	}
}

func TestWhoIsAskedIsNamed(t *testing.T) {
	cfg := advised.Default()
	if got := cfg.String(); got != "predictive, advised by advisor" {
		t.Errorf("got %q", got)
	}
	cfg.Advisor.OpenAI = &advised.OpenAI{URL: "http://127.0.0.1:1", KeyFile: "/secret"}
	need := cfg.Needs()[0]
	asked := need.Config.(*advised.Advisor)
	if need.Kind != advised.Kind || asked.OpenAI.Model != advised.DefaultOpenAI || need.From != cfg.Advisor.From() {
		t.Errorf("got %v of %s, named %q", asked.OpenAI, need.Kind, need.From)
	}
	if cfg.Advisor.OpenAI.Model != "" {
		t.Error("the configuration was changed")
	}
	named := cfg
	named.Advisor.OpenAI = &advised.OpenAI{URL: "http://127.0.0.1:1", KeyFile: "/secret", Model: advised.DefaultOpenAI}
	if a, b := cfg.Advisor.From(), named.Advisor.From(); a != b {
		t.Errorf("the default by its name is another one: %q and %q", a, b)
	}
	if text := fmt.Sprint(cfg, need.From); strings.Contains(text, "secret") {
		t.Errorf("%q tells of a key", text)
	}
}
