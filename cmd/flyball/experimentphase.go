package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// phase is one run of an experiment, ready to begin.
type phase struct {
	f     *experimentFlags
	mode  experiment.Mode
	spec  app.Spec
	live  *experiment.HPA // nil: there is no cluster
	left  left            // of earlier phases, where there is one
	state string
	file  *experiment.File
	// advised is what a language model said last; nil: it was not asked.
	advised *record.Advised
	// obeyed says whether what the policy decides is carried out.
	obeyed bool
}

// hpaName is how the decisions of the computed HPA are known.
const hpaName = "hpa"

// experimentName is that of the document of a phase: on its behalf rests what a
// phase takes over.
const experimentName = "experiment"

// scaleDownWindow is that of the HPA of an experiment.
const scaleDownWindow = 60 * time.Second

// phase reads the flags as a document and checks it. Nothing is changed.
func (f *experimentFlags) phase(ctx context.Context) (*phase, error) {
	p := &phase{f: f, mode: experiment.Mode(f.mode)}
	document, err := f.document(ctx, p)
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(document)
	if err != nil {
		return nil, err
	}
	documents := documentFlags{files: []string{"-"}, stdin: text}
	specs, err := documents.specs(nil)
	if err != nil {
		return nil, err
	}
	p.spec = specs[0]
	windowed(&p.spec.Policy)
	for i := range p.spec.Shadows {
		windowed(&p.spec.Shadows[i])
	}
	p.state, err = os.MkdirTemp("", "flyball-experiment-")
	return p, err
}

// windowed gives the computed HPA the scale-down window of the live one, also where it is
// advised.
func windowed(p *app.PolicySpec) {
	cfg, is := p.Config.(*advised.Config)
	if p.Kind == hpaName || is && cfg.Base.Kind == hpaName {
		p.Rules.Down.StabilizationWindow = scale.Duration(scaleDownWindow)
	}
	if p.Envelope != nil {
		windowed(&p.Envelope.Expert)
	}
}

type fields = map[string]any

// unwatched says that nobody tells whether the objective is met: that is no reason to take
// nothing away for ever.
var unwatched = fields{"signals": []fields{{"name": scale.ViolationRatio, "absent": "Ignore"}}}

// document is what somebody would write who knows no more than the flags.
func (f *experimentFlags) document(ctx context.Context, p *phase) (fields, error) {
	target, err := f.target(ctx, p)
	if err != nil {
		return nil, err
	}
	metric := func(resource string, percent int) fields {
		return fields{"type": "Resource", "signal": resource, "averageUtilization": percent}
	}
	hpa := fields{hpaName: fields{"metrics": []fields{metric("cpu", f.targets.CPU), metric("memory", f.targets.Memory)}}}
	other := f.other(hpa)
	spec := fields{
		"target": target, "replicas": fields{"min": f.min, "max": f.max}, "sync": scale.Duration(f.interval).String(),
		"mode": "Recommend", "policy": hpa, "shadows": []fields{other},
	}
	switch {
	case p.mode == experiment.AIScaler:
		spec["mode"], spec["policy"], spec["shadows"] = "Apply", other, []fields{hpa}
	case p.mode == experiment.HPAOnly && p.live == nil:
		spec["mode"] = "Apply" // the computed HPA, where no other is
	}
	objective := fields{"latency": fields{"threshold": "500ms", "target": "99.9%", "window": "1h"}}
	switch {
	case p.live == nil:
		spec["balancer"], spec["objective"] = fields{"builtin": fields{"listen": f.publish}}, objective
	case f.rate == "" && f.ai == llmAI:
		spec["objective"], spec["trust"] = objective, unwatched // what advice is worth is judged by it
	case f.rate != "":
		spec["signals"], spec["objective"], spec["trust"] = []fields{{"name": "requestRate", "prometheus": fields{"server": f.prometheus, "query": f.rate}}}, objective, unwatched
	}
	return fields{"apiVersion": "flyball.io/v1alpha1", "kind": "Autoscaler", "metadata": fields{"name": experimentName}, "spec": spec}, nil
}

// target is the one of the document.
func (f *experimentFlags) target(ctx context.Context, p *phase) (fields, error) {
	if f.place.compose != "" {
		flags := composeFlags{service: f.place.compose, publish: f.publish, min: f.min, max: f.max}
		return flags.target(ctx)
	}
	cluster, err := kubernetes.Open(f.place.access)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	ref := f.place.ref(cluster)
	if ref.Kind != "Deployment" {
		return nil, cli.UsageError{Err: fmt.Errorf("--deployment: the HPA of an experiment scales a Deployment, got a %s", ref.Kind)}
	}
	if err := isThere(ctx, cluster, ref); errors.As(err, new(cli.UsageError)) {
		return nil, err // whoever reads the document tells of a cluster that is away
	}
	p.live = &experiment.HPA{Client: cluster.Client(), Namespace: ref.Namespace, Deployment: ref.Name, Min: f.min, Max: f.max,
		Targets: f.targets, ScaleDownWindow: int32(scaleDownWindow.Seconds())}
	p.left = left{cluster, ref}
	return fields{"kubernetes": fields{
		"name": ref.Name, "namespace": ref.Namespace, "takeOver": p.mode == experiment.AIScaler,
		"kubeconfig": f.place.access.Kubeconfig, "context": f.place.access.Context,
	}}, nil
}
