package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"look":  func(policy int) int { return max(policy, 0) % looks },
	"shape": shape,
	"add":   func(a, b float64) float64 { return a + b },
}).Parse(pageHTML))

// looks is how many policies have colours, dashes and marks of their own.
const looks = 8

// view is the report in words, numbers and places, as page.html needs it.
type view struct {
	Report
	Title, Answer string
	Policy        string // what the page may load: nothing
	CSS           template.CSS
	JS            template.JS
	Facts         []string
	Comparisons   []comparisonView
	Levels        []levelView
	FrontierViews []frontierView
	Names         []legendView
	TraceViews    []traceView
	Timelines     timelines
	Quantities    []quantity
	Losses        []lossView
	TopologyRows  []topologyView
	TopologySays  string
	MetricGroups  []metricGroup
	Seeds         string
}

// quantity is a number of replicas that a timeline may show.
type quantity struct{ Key, Text string }

type metricGroup struct {
	Name    Group
	Metrics []Metric
}

func newView(r Report) view {
	v := view{Report: r, Title: cmp.Or(r.Title, "Flyball evaluation"), Answer: r.answer(), CSS: template.CSS(pageCSS), JS: template.JS(pageJS)}
	v.Policy = fmt.Sprintf("default-src 'none'; img-src data:; style-src '%s'; script-src '%s'", fingerprint(pageCSS), fingerprint(pageJS))
	v.Facts = r.facts()
	for i := range r.Comparisons {
		v.Comparisons = append(v.Comparisons, r.comparison(i))
	}
	v.Levels = r.levels()
	policies := r.policies()
	for i := range r.Frontiers {
		v.FrontierViews = append(v.FrontierViews, r.frontier(i, policies))
	}
	for i, name := range policies {
		v.Names = append(v.Names, legendView{Policy: i, Name: name})
	}
	v.Timelines = r.timelines()
	v.Quantities = []quantity{{"ready", "they answer"}, {"desired", "asked for"}, {"billed", "paid for"}}
	for i := range r.Traces {
		v.TraceViews = append(v.TraceViews, r.trace(i, policies, v.Timelines.Shown))
	}
	v.Losses = r.losses()
	v.TopologyRows, v.TopologySays = r.topologies()
	v.MetricGroups = r.metricGroups()
	v.Seeds = r.seeds()
	return v
}

func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// policies lists all that the report speaks of, each once.
func (r Report) policies() []string {
	all := slices.Clone(r.Policies)
	for _, c := range r.Comparisons {
		all = append(all, c.Baseline, c.Candidate)
	}
	for _, run := range r.Runs {
		all = append(all, run.Policy)
	}
	for _, s := range r.Standings {
		all = append(all, s.Policy)
	}
	for _, f := range r.Frontiers {
		for _, c := range f.Curves {
			all = append(all, c.Policy)
		}
	}
	for _, t := range r.Traces {
		for _, line := range t.Lines {
			all = append(all, line.Policy)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}

// facts are said under the answer: what was promised, played, and how often.
func (r Report) facts() []string {
	var facts []string
	if o := r.Objective; o.Threshold > 0 {
		facts = append(facts, fmt.Sprintf("Objective: %s of requests under %s", percent(round(o.Target)), span(o.Threshold)))
	}
	traces := map[string]bool{}
	for _, run := range r.Runs {
		traces[run.Trace] = true
	}
	if len(traces) > 0 {
		facts = append(facts, plural(len(traces), "trace"))
	}
	if n := len(r.Reproduce.Seeds); n > 1 && len(traces) > 1 {
		facts = append(facts, plural(n, "seed")+" each")
	} else if n > 0 {
		facts = append(facts, plural(n, "seed"))
	}
	if r.Setting != "" {
		facts = append(facts, r.Setting)
	}
	return facts
}

// levelView is every policy's cost at one share of violations.
type levelView struct {
	Name string
	Rows []standingRow
}

type standingRow struct {
	Policy                                     int
	Name, Median, Mean, Interval, Worst, Where string
	Reached                                    string
}

func (r Report) levels() []levelView {
	var views []levelView
	policies := r.policies()
	for _, s := range r.Standings {
		name := percent(s.Level)
		i := slices.IndexFunc(views, func(l levelView) bool { return l.Name == name })
		if i < 0 {
			i = len(views)
			views = append(views, levelView{Name: name})
		}
		row := standingRow{
			Policy: slices.Index(policies, s.Policy), Name: s.Policy, Median: unknown, Mean: unknown, Interval: unknown, Worst: unknown,
			Reached: fmt.Sprintf("%d of %d", s.Reached, s.Of),
		}
		if s.Reached > 0 {
			row.Median, row.Mean, row.Worst, row.Where = multiple(s.Median), multiple(s.Mean.Value), multiple(s.Worst), s.WorstTrace
			if s.Mean.Low < s.Mean.High {
				row.Interval = fmt.Sprintf("%s … %s", multiple(s.Mean.Low), multiple(s.Mean.High))
			}
		}
		views[i].Rows = append(views[i].Rows, row)
	}
	return views
}

// metricGroups explains the metrics that some comparison shows, or all of them.
func (r Report) metricGroups() []metricGroup {
	shown := map[string]bool{}
	for _, c := range r.Comparisons {
		for _, row := range c.Rows {
			shown[row.Key] = true
		}
	}
	var groups []metricGroup
	for _, m := range Metrics() {
		if len(shown) > 0 && !shown[m.Key] {
			continue
		}
		if n := len(groups); n == 0 || groups[n-1].Name != m.Group {
			groups = append(groups, metricGroup{Name: m.Group})
		}
		last := &groups[len(groups)-1]
		last.Metrics = append(last.Metrics, m)
	}
	return groups
}

// seeds writes 1–10 or 3, 5, 8.
func (r Report) seeds() string {
	seeds := r.Reproduce.Seeds
	if n := len(seeds); n > 2 && seeds[n-1]-seeds[0] == uint64(n-1) && slices.IsSorted(seeds) {
		return fmt.Sprintf("%d–%d", seeds[0], seeds[n-1])
	}
	var words []string
	for _, seed := range seeds {
		words = append(words, strconv.FormatUint(seed, 10))
	}
	return strings.Join(words, ", ")
}
