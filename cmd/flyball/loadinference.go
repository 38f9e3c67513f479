package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/load/inference"
	"github.com/flyball-io/flyball/scale"
)

// inferenceFlags are the flags of flyball load inference.
type inferenceFlags struct {
	turns            turnFlags
	url, model, api  string
	keyFile          string
	headers          []string
	prompt, output   string
	ignoreEOS        bool
	timeout          time.Duration
	maxTTFT, maxTPOT time.Duration
	json             bool
}

// keyVariable is where clients of the OpenAI API look for the key.
const keyVariable = "OPENAI_API_KEY"

func newLoadInferenceCommand() *cobra.Command {
	f := &inferenceFlags{}
	cmd := &cobra.Command{
		Use:   "inference --url URL [--rps 1 | --ramp-… | --shape NAME | --trace FILE | --users N]",
		Short: "Ask a server of language models, and measure time to first token and tokens/s",
		Long: `Ask a server that speaks the OpenAI API (vLLM, Ollama, llama.cpp, TGI, …) with
streamed answers, at the rate of a workload or by --users who ask again once
answered. Measures the time to the first token, the time per output token and
tokens/s, from the instant each request was meant to be sent. See docs/load.md.

Prompts are made of common words, about one token each. With a --trace of single
requests (t_seconds,input_tokens,output_tokens) each has the lengths of its line.`,
		Example: `  flyball load inference --url http://127.0.0.1:8000/v1 --rps 2 --duration 1m --max-ttft 500ms
  flyball load inference --url http://127.0.0.1:11434/v1 --model qwen3:0.6b --users 4 --requests 100
  flyball load inference --url http://127.0.0.1:8000/v1 --rps 5 --prompt-tokens lognormal:800,1.2 --output-tokens 50:300 --ignore-eos
  flyball load inference --url http://127.0.0.1:8000/v1 --trace azure_requests.csv --window 0h:10m --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.url, "url", "", "address of the API with its version, such as http://127.0.0.1:8000/v1 (required)")
	flags.StringVar(&f.model, "model", "", "model to ask (default the first that the server lists)")
	flags.StringVar(&f.prompt, "prompt-tokens", "256", "length of the prompts: `TOKENS`, FROM:TO or lognormal:MEAN,CV (not with a --trace of single requests)")
	flags.StringVar(&f.output, "output-tokens", "128", "longest answer: `TOKENS`, FROM:TO or lognormal:MEAN,CV (not with a --trace of single requests)")
	flags.BoolVar(&f.ignoreEOS, "ignore-eos", false, "have answers go on until they are that long; vLLM, SGLang and llama.cpp know it, others may refuse it")
	f.turns.addUsers(flags)
	f.turns.add(flags, "requests", 1, inference.DefaultMaxInFlight)
	flags.Lookup("trace").Usage = "recorded trace: CSV `FILE` of single requests with the header t_seconds,input_tokens,output_tokens, or of rates with t_seconds,requests_per_second; may be gzipped"
	cli.DurationVar(flags, &f.maxTTFT, "max-ttft", 0, "a good answer has its first token within this (default any time)")
	cli.DurationVar(flags, &f.maxTPOT, "max-tpot", 0, "a good answer takes at most this for each further token, on average (default any time)")
	cli.DurationVar(flags, &f.timeout, "timeout", inference.DefaultTimeout, "how long to wait for the whole answer")
	flags.StringVar(&f.api, "api", string(inference.Chat), "chat or completions")
	flags.StringVar(&f.keyFile, "api-key-file", "", "`FILE` with the key of the API (default the variable "+keyVariable+", if there is one)")
	flags.StringArrayVar(&f.headers, "header", nil, "header as `NAME:VALUE`; may be given several times")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	return cmd
}

func (f *inferenceFlags) run(cmd *cobra.Command) error {
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	o, title, end, err := f.options()
	if err != nil {
		return err
	}
	if err := load.Reach(ctx, o.URL); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", o.URL, title)
	progress := cli.NewProgress(os.Stderr)
	o.OnProgress = func(s inference.Snapshot) { progress.Show(s.Elapsed, s.Line(end)) }
	result, err := inference.Run(ctx, o)
	progress.Done()
	if err != nil {
		return err
	}
	return printLoad(cmd.OutOrStdout(), result, f.json)
}

// printLoad prints a result as a table or as JSON.
func printLoad(w io.Writer, result interface{ Print(w io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return result.Print(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// options turns the flags into options, a title for people and when it is over.
// Its errors are usage errors.
func (f *inferenceFlags) options() (o inference.Options, title string, end time.Duration, err error) {
	if err := f.check(); err != nil {
		return o, "", 0, cli.UsageError{Err: err}
	}
	o = inference.Options{URL: f.url, API: inference.API(f.api), Model: f.model, IgnoreEOS: f.ignoreEOS, Seed: f.turns.seed,
		Timeout: f.timeout, MaxFirst: f.maxTTFT, MaxPerToken: f.maxTPOT}
	if o.Pace, title, end, err = f.turns.plan(); err != nil {
		return o, "", 0, err
	}
	if o.Header, err = parseHeaders(f.headers); err == nil {
		o.Key, err = f.key()
	}
	if err == nil {
		o.Lengths, err = f.lengths()
	}
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		err = cli.UsageError{Err: err}
	}
	return o, title, end, err
}

func (f *inferenceFlags) check() error {
	switch {
	case f.url == "":
		return errNoURL
	case f.timeout <= 0:
		return fmt.Errorf("--timeout: must be above 0, got %v", f.timeout)
	case f.maxTTFT < 0 || f.maxTPOT < 0:
		return fmt.Errorf("--max-ttft and --max-tpot: must be 0 (any time) or more, got %v and %v", f.maxTTFT, f.maxTPOT)
	case f.api != string(inference.Chat) && f.api != string(inference.Completions):
		return fmt.Errorf("--api: must be chat or completions, got %q", f.api)
	}
	return nil
}

// lengths are those of the trace, where it holds single requests with tokens.
func (f *inferenceFlags) lengths() (l inference.Lengths, err error) {
	if recorded := f.turns.workload.Recorded(); len(recorded) > 0 && recorded[0].InputTokens+recorded[0].OutputTokens > 0 {
		for _, name := range []string{"prompt-tokens", "output-tokens"} {
			if f.turns.flags.Changed(name) {
				return l, fmt.Errorf("--%s: the trace has the tokens of each request", name)
			}
		}
		return inference.Lengths{Recorded: recorded}, nil
	}
	if l.Prompt, err = inference.ParseLength(f.prompt); err != nil {
		return l, fmt.Errorf("--prompt-tokens: %w", err)
	}
	if l.Output, err = inference.ParseLength(f.output); err != nil {
		return l, fmt.Errorf("--output-tokens: %w", err)
	}
	return l, nil
}

// key reads the key of the API; it is never printed.
func (f *inferenceFlags) key() (scale.Secret, error) {
	if f.keyFile == "" {
		return scale.Secret(os.Getenv(keyVariable)), nil
	}
	content, err := os.ReadFile(f.keyFile)
	if err != nil {
		return "", fmt.Errorf("--api-key-file: %w", err)
	}
	key := strings.TrimSpace(string(content))
	if key == "" {
		return "", fmt.Errorf("--api-key-file: %s is empty", f.keyFile)
	}
	return scale.Secret(key), nil
}
