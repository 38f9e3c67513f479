package llm

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
)

//go:embed prompts
var files embed.FS

// version of the prompts. A changed prompt is a new file: what is recorded stays
// what was asked.
const version = "v1"

// mostTokens bounds an answer. One as it is asked for takes about 80.
const mostTokens = 160

// asking is how one question is put: what a model is told to do, the numbers it
// is told, and what an answer looks like.
type asking struct {
	system string
	user   *template.Template
	schema json.RawMessage
	name   string // of the schema
}

// newAsking reads the files of a question; they ship with the program.
func newAsking(question string, least, most int) asking {
	base := question + "." + version
	system, user, _ := strings.Cut(file(base+".txt"), "\n---\n")
	schema := new(bytes.Buffer)
	must(template.Must(template.New(base).Parse(file(base+".schema.json"))).Execute(schema, bounds{least, most}))
	compact := new(bytes.Buffer)
	must(json.Compact(compact, schema.Bytes()))
	return asking{system: system, user: template.Must(template.New(base).Parse(user)), schema: compact.Bytes(), name: question}
}

type bounds struct{ Min, Max int }

func file(name string) string {
	text, err := files.ReadFile("prompts/" + name)
	must(err)
	return string(text)
}

// must is for what ships with the program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// state is all that a prompt may hold: numbers, and a sentence of our own. No
// string of an observation, an inquiry or a document is in it, so that nothing
// anybody can name or log speaks to the model.
type state struct {
	Occasion             string // of occasions
	Min, Max             count
	Current, Ready       count
	Wants, Other, Floor  count
	LowWindows           count
	Misses, Threshold    number // percent, ms
	SinceChange, Startup number // seconds
	Load, PerReplica     number // per second
	Median, Upper, Peak  number // per second
	P95, Baseline, Sigma number // ms
	History              []row
}

// occasions are the words for why it is asked.
var occasions = map[string]string{
	policy.FirstLook:    "first question",
	policy.RegimeChange: "the load is not what was expected",
	policy.Violations:   "the objective is missed again and again",
	policy.Disagreement: "forecast and plain rule disagree",
	policy.Periodic:     "no special occasion",
}

// stateOf is what a prompt tells of a question.
func (a *Advisor) stateOf(q *advisor.Question) state {
	obs := &q.Seen
	s := state{
		Occasion: "no special occasion", Min: count(a.env.Min), Max: count(a.env.Max), Misses: unknown, Threshold: unknown,
		Current: count(obs.CurrentReplicas), Ready: count(obs.ReadyReplicas()), P95: last(obs, scale.Latency) * 1000,
		Wants: -1, Other: -1, Floor: -1, LowWindows: -1, SinceChange: unknown, Startup: unknown,
		Load: unknown, PerReplica: unknown, Median: unknown, Upper: unknown, Peak: unknown, Baseline: unknown, Sigma: unknown,
	}
	if o := a.env.Objective; o != nil {
		s.Misses, s.Threshold = number((1-o.Target)*100), milliseconds(o.Threshold.Std().Seconds())
	}
	since := time.Duration(-1)
	if q.About != nil {
		s.add(q.About)
		since = q.About.Facts.SinceChange
	}
	if s.Load.String() == "?" {
		s.Load = last(obs, scale.RequestRate)
	}
	s.History = history(obs, since)
	return s
}

// add tells what the policy knows.
func (s *state) add(about *policy.Inquiry) {
	f := &about.Facts
	if words, known := occasions[about.Occasion]; known {
		s.Occasion = words
	}
	s.Wants, s.Other, s.Floor, s.LowWindows = count(f.Wants), count(f.Other), count(f.Floor), count(f.LowWindows)
	s.SinceChange, s.Startup = age(f.SinceChange), number(f.Startup.Seconds())
	s.Load, s.PerReplica = number(f.Load), number(f.PerReplica)
	s.Median, s.Upper, s.Peak = number(f.Forecast[0]), number(f.Forecast[1]), number(f.Forecast[2])
	s.Baseline, s.Sigma = milliseconds(f.Baseline), milliseconds(f.Sigma)
}

func last(obs *scale.Observation, signal string) number {
	if v, known := obs.Last(signal); known {
		return number(v)
	}
	return unknown
}

// prompt writes a question. Where too little is known for one to be worth asking
// nobody is asked, and what was said before stays as valid as it was.
func (a *Advisor) prompt(q *advisor.Question) (advisor.Prompt, error) {
	s := a.stateOf(q)
	needs, what := s.Load, "the load"
	if needs.String() == "?" && q.Seen.Signal(scale.RequestRate) == nil { // nobody counts requests here
		needs = last(&q.Seen, scale.CPUUtilization)
	}
	if a.cfg.Question == advised.Thresholds {
		needs, what = s.P95, "the p95 latency"
	}
	if needs.String() == "?" {
		return advisor.Prompt{}, &advisor.Later{Unasked: true, Err: fmt.Errorf("%s is not known, so nobody is asked", what)}
	}
	var user strings.Builder
	if err := a.asking.user.Execute(&user, &s); err != nil {
		return advisor.Prompt{}, fmt.Errorf("write the question: %w", err)
	}
	return advisor.Prompt{System: a.asking.system, User: strings.TrimSpace(user.String()), Schema: a.asking.schema,
		SchemaName: a.asking.name, MostTokens: mostTokens, Temperature: a.cfg.Temperature}, nil
}
