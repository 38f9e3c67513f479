package operator

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
	"github.com/flyball-io/flyball/source"
)

// past is what forecasters begin with of which no memory is kept that fits: of a
// new Autoscaler, of one whose memory was deleted or was too large, and of all
// whose policy another version changed. They are fed with the last hours of the
// request rate, through deciders like those that run, where a Prometheus knows it.
//
//	memory that fits ─► as it was
//	none             ─► Prometheus ─► 1000 observations of the rate alone ─► deciders ─► what their policies learned
//
// Guards are not fed, for nobody knows what the count was then; nor is what is
// learned of the service, which takes latencies too.
type past struct {
	board   *board
	plugins *builtin.Registry
	clock   clock.Clock
	log     *slog.Logger

	mu    sync.Mutex // guards what follows
	spare time.Duration
	at    time.Time // of spare
}

const (
	// fedDecisions is how many decisions back forecasters are fed, which is what a
	// Prometheus source brings in one answer: four hours of one every 15 s.
	fedDecisions = 1000
	// pastAnswer is how long the answer may take.
	pastAnswer = 3 * time.Second
	// mostPast is what all of it may take after another. A tenth of the time comes
	// back: a server that hangs must not keep a thousand Autoscalers from being
	// scaled.
	mostPast = 30 * time.Second
	refill   = 10
)

func newPast(b *board, plugins *builtin.Registry, clk clock.Clock, log *slog.Logger) *past {
	return &past{board: b, plugins: plugins, clock: clk, log: log, spare: mostPast, at: clk.Now()}
}

// memory returns what the deciders of an Autoscaler begin with: what is kept, and
// for forecasters of which that holds nothing what the past taught them.
func (p *past) memory(ctx context.Context, name string, kept []byte) []byte {
	spec := p.board.spec(name)
	if spec == nil {
		return kept
	}
	plan, err := spec.Plan()
	if err != nil { // the service will say the same
		return kept
	}
	if lost := plan.Recall(kept); kept != nil && !slices.ContainsFunc(lost, isPolicy) {
		return kept
	}
	if fed := p.feed(ctx, spec); fed != nil {
		fed.Recall(kept) // over what was fed, as far as it fits
		plan = *fed
	}
	data, err := plan.Snapshot() // where nothing was kept, changes that the status tells are caught up with all the same
	if err != nil {
		return kept
	}
	return data
}

// isPolicy reports whether the part of a plan is a policy, and not a guard.
func isPolicy(part string) bool {
	return strings.HasPrefix(part, "policy ") || strings.Contains(part, ": policy ")
}

// feed returns a plan whose forecasters have seen the past; nil: there is none.
func (p *past) feed(ctx context.Context, spec *app.Spec) *control.Plan {
	taught, err := spec.Plan()
	if err != nil || spec.Objective == nil || !slices.ContainsFunc(deciders(&taught), forecasts) { // without an objective CPU is forecast
		return nil
	}
	samples := p.ask(ctx, spec)
	fresh, err := spec.Plan()
	if err != nil || len(samples) == 0 {
		return nil
	}
	began := p.clock.Now()
	defer func() { p.spend(p.clock.Now().Sub(began)) }()
	pupils := deciders(&fresh)
	for i, d := range deciders(&taught) {
		if !forecasts(d) {
			continue
		}
		for _, s := range samples {
			d.Decide(scale.Observation{Target: spec.Name, At: s.At, Signals: []scale.Signal{{Name: s.Signal, Trust: scale.Fresh, Window: s.Window,
				Points: []series.Point{{At: s.At, Value: s.Value}}}}})
		}
		pupils[i].Recall(policyAlone(d))
	}
	first, last := samples[0].At, samples[len(samples)-1].At
	p.log.Info("forecasters were fed with the past: no memory of theirs is kept", slog.String("target", spec.Name),
		slog.Int("values", len(samples)), slog.Duration("span", last.Sub(first).Round(time.Second)))
	return &fresh
}

func deciders(p *control.Plan) []*decide.Decider {
	return append([]*decide.Decider{p.Decider}, p.Shadows...)
}

// forecasts reports whether a decider's policy is one that forecasts the request
// rate by itself. Those within others are not fed.
func forecasts(d *decide.Decider) bool {
	var parts struct{ Policy scale.Snapshot }
	raw, err := d.Snapshot()
	return err == nil && json.Unmarshal(raw, &parts) == nil && parts.Policy.Kind == "predictive"
}

// policyAlone is the memory of a decider without that of its guards.
func policyAlone(d *decide.Decider) []byte {
	var parts map[string]json.RawMessage
	raw, err := d.Snapshot()
	if err != nil || json.Unmarshal(raw, &parts) != nil {
		return nil
	}
	delete(parts, "guards")
	raw, _ = json.Marshal(parts) // it came from there
	return raw
}

// ask returns the request rate of the last decisions, oldest first, where a
// Prometheus of the document measures it and answers in time.
func (p *past) ask(ctx context.Context, spec *app.Spec) []scale.Sample {
	i := slices.IndexFunc(spec.Sources, func(s app.SourceSpec) bool { return s.Signal == scale.RequestRate && s.Plugin.Kind == "prometheus" })
	if i < 0 {
		return nil
	}
	wait := min(pastAnswer, p.left())
	if wait < pastAnswer/10 {
		p.log.Warn("the past is not asked for: too much time went into that of others", slog.String("target", spec.Name))
		return nil
	}
	began := p.clock.Now()
	defer func() { p.spend(p.clock.Now().Sub(began)) }()
	plugin, err := reaching(spec.Sources[i].Plugin, spec.Sync)
	if err != nil {
		return nil // it was decoded before
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	from, err := p.plugins.Sources.New(scale.RequestRate, plugin, source.Env{Target: spec.Name, Clock: p.clock, Log: p.log})
	var samples []scale.Sample
	if err == nil {
		samples, err = from.Collect(ctx)
	}
	if err != nil {
		p.log.Warn("forecasters begin without the past", slog.String("target", spec.Name), slog.Any("error", err))
	}
	return samples
}

// reaching is a Prometheus source that brings the past, one value per decision.
func reaching(plugin scale.Plugin, sync scale.Duration) (scale.Plugin, error) {
	body := map[string]any{}
	if err := json.Unmarshal(plugin.Body, &body); err != nil {
		return plugin, err
	}
	step := max(sync, scale.Duration(time.Second))
	body["step"], body["range"] = step, fedDecisions*step
	raw, err := json.Marshal(body)
	return scale.Plugin{Kind: plugin.Kind, Body: raw}, err
}

// left is how long the past may take now.
func (p *past) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	p.spare = min(mostPast, p.spare+max(0, now.Sub(p.at))/refill)
	p.at = now
	return p.spare
}

func (p *past) spend(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare -= max(0, d)
}
