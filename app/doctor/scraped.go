package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source/prometheus"
)

// shownTargets is how many of those that are down are named.
const shownTargets = 5

// prometheus sees whether the servers that documents name can read what they
// measure.
func (p *patient) prometheus(ctx context.Context) {
	for i, doc := range p.docs {
		var asked []string
		for _, s := range doc.Spec.Signals {
			decoded, err := p.plugins.Sources.Decode(s.Source)
			cfg, ok := decoded.(*prometheus.Config)
			if err != nil || !ok || slices.Contains(asked, cfg.Server) {
				continue
			}
			asked = append(asked, cfg.Server)
			p.scraped(ctx, &p.specs[i], cfg)
		}
	}
}

// scraped looks at all targets of a server or, where a document is of a
// namespace, at those that are there.
func (p *patient) scraped(ctx context.Context, spec *app.Spec, cfg *prometheus.Config) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := cfg.Targets(ctx)
	if err != nil {
		p.note(spec.Name, inOneLine(err), "see that the server answers the query up: without it nobody knows whether what it scrapes is up")
		return
	}
	where, namespace := "", ""
	if place := deployed(spec); place != nil {
		if _, ref, err := place.Place(); err == nil {
			namespace, where = ref.Namespace, " in namespace "+ref.Namespace
		}
	}
	all = slices.DeleteFunc(all, func(t prometheus.Scraped) bool { return namespace != "" && t.Labels["namespace"] != namespace })
	var down []string
	for _, t := range all {
		if !t.Up {
			down = append(down, targetInWords(t.Labels))
		}
	}
	slices.Sort(down)
	switch shown := down[:min(len(down), shownTargets)]; {
	case len(all) == 0:
		p.note(spec.Name, fmt.Sprintf("%s scrapes nothing%s", cfg.Server, where), "nothing, where the queries are of something else; otherwise have it scraped: a ServiceMonitor, a PodMonitor or a scrape configuration")
	case len(down) == 0:
		p.ok(spec.Name, fmt.Sprintf("%s: %s%s up", cfg.Server, scale.Count(len(all), "target"), where))
	case namespace != "":
		p.fail(spec.Name, fmt.Sprintf("%s cannot read %d of %s%s: %s", cfg.Server, len(down), scale.Count(len(all), "target"), where, strings.Join(shown, "; ")), "see why on its page /targets; a NetworkPolicy may be in the way")
	default:
		p.note(spec.Name, fmt.Sprintf("%s cannot read %d of %s: %s", cfg.Server, len(down), scale.Count(len(all), "target"), strings.Join(shown, "; ")), "see why on its page /targets, if the queries are of one of them")
	}
}

func targetInWords(labels map[string]string) string {
	return fmt.Sprintf("job %s at %s", or(labels["job"], "-"), or(labels["instance"], "-"))
}
