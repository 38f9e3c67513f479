// Package advised decides by another policy and the advice of a language model on
// it. It asks nobody: it says when a question is worth asking (policy.Inquiry), and
// what was answered comes as Advice in the observation.
package advised

import (
	"time"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// Kind is how the need of the policy is called.
const Kind = "advised"

// Questions.
const (
	Replicas   = "replicas"   // in: a window of history; out: replicas, confidence, reasoning
	Thresholds = "thresholds" // in: the latency and its baseline; out: up, down or neither, with thresholds
)

// Config says who decides, who advises, and how far advice is believed at first.
type Config struct {
	Base scale.Plugin `json:"base,omitzero" jsonschema:"description=policy that decides and is advised; also the expert of the envelope around it unless the document names one" jsonschema_extras:"plugin=policy"`
	// Service is what is hinted for pricing; nothing: as the rules learn it.
	Service capacity.Config `json:"service,omitzero" jsonschema:"description=what is known of the service beforehand for judging what advice is worth; the base has its own"`
	Advisor Advisor         `json:"advisor,omitzero" jsonschema:"description=who advises; without one whoever is found in the environment: GEMINI_API_KEY; else OPENAI_BASE_URL with OPENAI_API_KEY; else Ollama on this machine"`
}

// Advisor is who is asked, what, and how. At most one of the first three is set.
type Advisor struct {
	Gemini    *Gemini    `json:"gemini,omitempty" jsonschema:"description=Google Gemini"`
	OpenAI    *OpenAI    `json:"openai,omitempty" jsonschema:"description=any OpenAI-compatible server: OpenAI itself; vLLM; Ollama at /v1"`
	Simulated *Simulated `json:"simulated,omitempty" jsonschema:"description=nobody: an advisor for simulations whose quality and delay are stated"`

	Question    string         `json:"question" jsonschema:"enum=replicas,enum=thresholds,description=replicas = how many; thresholds = up or down or neither and from which latency on"`
	Every       scale.Duration `json:"every" jsonschema:"description=least time between two questions about one target"`
	Always      bool           `json:"always,omitempty" jsonschema:"description=asked whenever every has passed; without it only on an occasion"`
	Timeout     scale.Duration `json:"timeout" compress:"-" jsonschema:"description=longest time for an answer"`
	MaxAge      scale.Duration `json:"maxAge" jsonschema:"description=how long an answer is valid after what it was based on"`
	RPM         float64        `json:"rpm,omitempty" jsonschema:"description=most questions a minute to one model for all targets together; LLM_RPM of the environment when 0"`
	Temperature float64        `json:"temperature" jsonschema:"minimum=0,maximum=2,description=0 gives the same answer to the same question"`
	Budget      Budget         `json:"budget,omitzero" jsonschema:"description=most that is spent in a day (UTC) for all targets together"`
}

// Gemini is Google's service.
type Gemini struct {
	Model   string `json:"model,omitempty" jsonschema:"description=name of the model,default=gemini-2.5-flash"`
	KeyFile string `json:"keyFile,omitempty" jsonschema:"description=file with the key; GEMINI_API_KEY of the environment when empty"`
	URL     string `json:"url,omitempty" jsonschema:"description=another address of the service"`
}

// OpenAI is any server that speaks OpenAI's chat completions.
type OpenAI struct {
	URL     string `json:"url,omitempty" jsonschema:"description=base address such as http://127.0.0.1:11434/v1; OPENAI_BASE_URL of the environment when empty and else Ollama on this machine"`
	Model   string `json:"model,omitempty" jsonschema:"description=name of the model,default=qwen2.5-coder:3b"`
	KeyFile string `json:"keyFile,omitempty" jsonschema:"description=file with the key; OPENAI_API_KEY of the environment when empty; none is sent when neither is there"`
}

// Budget bounds what is spent. Prices are in US dollars per million tokens.
type Budget struct {
	TokensPerDay int     `json:"tokensPerDay,omitempty" jsonschema:"description=most tokens read and written in a day; 0: no bound"`
	MoneyPerDay  float64 `json:"moneyPerDay,omitempty" jsonschema:"description=most US dollars in a day by the prices below; 0: no bound"`
	InputPrice   float64 `json:"inputPrice,omitempty" jsonschema:"description=US dollars per million tokens read"`
	OutputPrice  float64 `json:"outputPrice,omitempty" jsonschema:"description=US dollars per million tokens written"`
}

// Models that are asked where none is named.
const (
	DefaultGemini = "gemini-2.5-flash"
	DefaultOpenAI = "qwen2.5-coder:3b"
)

// Default has the predictive policy advised on counts by whoever is found in the
// environment, asked at most once a minute.
func Default() Config {
	return Config{
		Base: scale.Plugin{Kind: "predictive"},
		Advisor: Advisor{Question: Replicas, Every: scale.Duration(time.Minute), Timeout: scale.Duration(time.Minute),
			MaxAge: scale.Duration(5 * time.Minute)},
	}
}

// String says who decides and who advises: "predictive, advised by
// gemini-2.5-flash".
func (c Config) String() string { return c.Base.Kind + ", advised by " + c.Advisor.name() }

// Needs is who is asked.
func (c *Config) Needs() []policy.Need {
	asked := c.Advisor.complete()
	return []policy.Need{{From: c.Advisor.From(), Kind: Kind, Config: &asked}}
}

// complete names the models that nobody named. Nothing of a is changed.
func (a Advisor) complete() Advisor {
	if a.Gemini != nil {
		named := *a.Gemini
		if named.Model == "" {
			named.Model = DefaultGemini
		}
		a.Gemini = &named
	}
	if a.OpenAI != nil {
		named := *a.OpenAI
		if named.Model == "" {
			named.Model = DefaultOpenAI
		}
		a.OpenAI = &named
	}
	return a
}

// From is the name under which the answers come, by what is asked of whom and
// how.
func (a Advisor) From() string {
	a = a.complete()
	return a.name() + " #" + scale.ConfigHash(a)[:6]
}

// opinion tells apart whose advice was worth something: the model, where it is, and
// what it is asked. How often that is, for how much, and by which key is the same
// opinion.
func (a Advisor) opinion() string {
	a = a.complete()
	whose := Advisor{Simulated: a.Simulated, Question: a.Question, Temperature: a.Temperature}
	if a.Gemini != nil {
		whose.Gemini = &Gemini{Model: a.Gemini.Model, URL: a.Gemini.URL}
	}
	if a.OpenAI != nil {
		whose.OpenAI = &OpenAI{Model: a.OpenAI.Model, URL: a.OpenAI.URL}
	}
	return scale.ConfigHash(whose)
}

func (a Advisor) name() string {
	a = a.complete()
	switch {
	case a.Gemini != nil:
		return a.Gemini.Model
	case a.OpenAI != nil:
		return a.OpenAI.Model
	case a.Simulated != nil:
		return "simulated"
	}
	return "advisor"
}

// UsualExpert is the base: what advice may cost is bounded by what it would.
func (c *Config) UsualExpert() scale.Plugin {
	return scale.Plugin{Kind: c.Base.Kind, Body: c.Base.Body}
}
