package inference

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

// Server says which inference server is read, and how.
type Server struct {
	Engine   Engine         `json:"engine,omitempty" jsonschema:"description=Which server it is,enum=vllm,enum=ollama,enum=tgi,enum=triton,default=vllm"`
	Path     string         `json:"path,omitempty" jsonschema:"description=Path of its metrics (Ollama: before /api); that of the engine when empty"`
	Timeout  scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for reading one server: at most 30s,default=3s"`
	MaxBytes int64          `json:"maxBytes,omitempty" jsonschema:"description=Largest answer in bytes,minimum=1024,default=8388608"`
	webclient.Auth
}

// Engine is a kind of inference server.
type Engine string

// The engines that can be read.
const (
	VLLM   Engine = "vllm"
	Ollama Engine = "ollama"
	TGI    Engine = "tgi" // Hugging Face's text-generation-inference
	Triton Engine = "triton"
)

// Config is a signal of one server or of all replicas of the target.
type Config struct {
	Server
	URL    string `json:"url,omitempty" jsonschema:"description=Address of one server that is asked also while the target has no replica; each replica is read when empty"`
	Scheme string `json:"scheme,omitempty" jsonschema:"description=How replicas are read,enum=http,enum=https,default=http"`
	Port   int    `json:"port,omitempty" jsonschema:"description=Port of the metrics of a replica; that of its requests when 0,minimum=0,maximum=65535"`

	Model   string         `json:"model,omitempty" jsonschema:"description=Which of its models; all together when empty"`
	Measure string         `json:"measure,omitempty" jsonschema:"description=What the signal is: queueDepth and so on as in the table of docs/sources.md; the name of the signal when empty"`
	Also    []string       `json:"also,omitempty" jsonschema:"description=What else is delivered of the same readings and under its own name"`
	Window  scale.Duration `json:"window,omitempty" jsonschema:"description=Time over which rates and quantiles are measured: 1s to 1h,default=30s"`
}

// DefaultServer is everything but where it is.
func DefaultServer() Server {
	return Server{Engine: VLLM, Timeout: scale.Duration(3 * time.Second), MaxBytes: 8 << 20}
}

// Default is everything; what the signal is follows from its name.
func Default() Config {
	return Config{Server: DefaultServer(), Scheme: "http", Window: scale.Duration(30 * time.Second)}
}

// Signals are those that an inference server may tell.
func Signals() map[string]reading.Signal {
	return map[string]reading.Signal{
		reading.QueueDepth:       {Value: reading.QueueDepth},
		reading.RunningRequests:  {Value: reading.RunningRequests},
		reading.KVCacheUsage:     {Value: reading.KVCacheUsage, Combine: reading.Mean},
		reading.TokensPerSecond:  {Rate: reading.Count{Name: reading.Tokens, Kind: reading.Generated}},
		reading.RequestRate:      {Rate: reading.Count{Name: reading.Requests}},
		reading.TimeToFirstToken: {Duration: reading.TimeToFirstToken},
		reading.Latency:          {Duration: reading.RequestDuration},
	}
}

// Validate reports every fault that can be seen without asking.
func (s Server) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, known := dialects()[s.Engine]; !known && s.Engine != Ollama {
		names := append(slices.Sorted(maps.Keys(dialects())), Ollama)
		fault("engine: must be one of %v, got %q", names, s.Engine)
	}
	if s.Path != "" && !strings.HasPrefix(s.Path, "/") {
		fault("path: must start with /, got %q", webclient.Excerpt(s.Path, 50))
	}
	if s.Timeout <= 0 || s.Timeout.Std() > source.Patience {
		fault("timeout: must be above 0 and at most %v, got %v", scale.Duration(source.Patience), s.Timeout)
	}
	if s.MaxBytes < 1024 {
		fault("maxBytes: must be at least 1024, got %d", s.MaxBytes)
	}
	return errors.Join(append(errs, s.Auth.Validate())...)
}

// Validate reports every fault that can be seen without asking.
func (c Config) Validate() error {
	errs := []error{c.Server.Validate()}
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.URL != "" {
		if err := reading.CheckURL(c.URL); err != nil {
			fault("url: %w", err)
		}
		if c.Port != 0 {
			fault("port: must be 0 beside url, which names one")
		}
	}
	if c.Scheme != "http" && c.Scheme != "https" {
		fault("scheme: must be http or https, got %q", c.Scheme)
	}
	if c.Port < 0 || c.Port > 65535 {
		fault("port: must be 0 to 65535, got %d", c.Port)
	}
	if c.Window < scale.Duration(time.Second) || c.Window > scale.Duration(time.Hour) {
		fault("window: must be 1s to 1h, got %v", c.Window)
	}
	return errors.Join(append(errs, reading.Faults(Signals(), c.Measure, c.Also)...)...)
}
