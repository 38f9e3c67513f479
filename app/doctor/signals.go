package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// patience is how long a source that works between calls may take to measure
// once. Others have the time that they have when they run.
const patience = 10 * time.Second

// signal measures once with every source that the documents name.
func (p *patient) signal(ctx context.Context) {
	for i, doc := range p.docs {
		for _, s := range doc.Spec.Signals {
			p.measure(ctx, &p.specs[i], s)
		}
	}
}

func (p *patient) measure(ctx context.Context, spec *app.Spec, s v1alpha1.Signal) {
	replicas, err := p.replicas(ctx, spec)
	if err != nil {
		replicas = nil // said by other checks
	}
	built, err := p.plugins.Sources.New(s.Name, s.Source, source.Env{
		Target: spec.Name, Clock: p.Clock, Log: slog.New(slog.DiscardHandler), Interval: time.Second,
		Replicas: func(context.Context) ([]scale.Replica, error) { return replicas, nil },
	})
	if err != nil {
		p.fail(spec.Name, s.Name+": "+err.Error(), "correct the signal in the document")
		return
	}
	samples, err := source.Once(ctx, built, p.Clock, patience)
	switch {
	case len(samples) > 0 && err == nil:
		p.fresh(spec, s, samples)
	case s.Source.Kind == "openmetrics" && len(replicas) == 0: // it reads the replicas themselves
		p.note(spec.Name, fmt.Sprintf("%s is measured on replicas by %s, and none runs yet", s.Name, s.Source.Kind), "ask again once flyball run has started some")
	case err != nil:
		p.fail(spec.Name, s.Name+": "+strings.ReplaceAll(err.Error(), "\n", "; "), "see that the server answers and that the query gives exactly one number")
	default:
		p.fail(spec.Name, fmt.Sprintf("%s: %s measured nothing within %v", s.Name, s.Source.Kind, scale.Duration(patience)), "see that what it asks exists")
	}
}

// fresh says what was measured, and whether it is too old to be believed.
func (p *patient) fresh(spec *app.Spec, s v1alpha1.Signal, samples []scale.Sample) {
	message := fmt.Sprintf("%s is measured by %s: %s", s.Name, s.Source.Kind, p.inWords(samples))
	age, most := p.age(samples), spec.MaxAge(s.Name)
	switch {
	case age <= most:
		p.ok(spec.Name, message)
	case age > control.SeldomMaxAge:
		p.note(spec.Name, fmt.Sprintf("%s, so it is stale: older than %v", message, scale.Duration(most)), "see that what the server scrapes runs; where it is measured that seldom, state "+wanted(age)+" beside name")
	case s.MaxAge > 0:
		p.note(spec.Name, fmt.Sprintf("%s, so it is stale: older than its maxAge of %v", message, s.MaxAge), "state "+wanted(age)+" beside name: 2.5 times the time between two of its values")
	default:
		p.note(spec.Name, fmt.Sprintf("%s, so it is stale after a start: older than %v, until it is seen how seldom it comes", message, scale.Duration(most)), "state "+wanted(age)+" beside name: 2.5 times the time between two of its values")
	}
}

// wanted is the maxAge that suits a signal of which a value was seen that is so
// old: 2.5 times the shortest usual time between two scrapes that explains it.
func wanted(age time.Duration) string {
	spacing := age
	for _, usual := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute} {
		if age <= usual {
			spacing = usual
			break
		}
	}
	return "maxAge: " + scale.Duration((spacing * 5 / 2).Round(time.Second)).String()
}

// age is how long ago the newest sample was measured.
func (p *patient) age(samples []scale.Sample) time.Duration {
	return max(0, p.Clock.Now().Sub(samples[len(samples)-1].At))
}

// inWords is the newest sample with its age.
func (p *patient) inWords(samples []scale.Sample) string {
	newest := samples[len(samples)-1]
	return fmt.Sprintf("%s, %v old", scale.Number(newest.Value), scale.Duration(p.age(samples).Round(100*time.Millisecond)))
}

// replicas are those that run now.
func (p *patient) replicas(ctx context.Context, spec *app.Spec) ([]scale.Replica, error) {
	status, err := p.status(ctx, spec)
	return status.Replicas, err
}

// mostSkew is how far clocks may be apart: a measurement that seems older than
// that is stale sooner than it should be.
const mostSkew = 5 * time.Second

// clocks compares this machine's clock with that of each server that sources
// ask, by the date of its answers.
func (p *patient) clocks(ctx context.Context) {
	for _, server := range p.servers() {
		theirs, err := serverTime(ctx, server)
		if err != nil {
			continue // the check of the signal says so
		}
		skew := p.Clock.Now().Sub(theirs)
		if skew.Abs() > mostSkew {
			p.fail("", fmt.Sprintf("this machine's clock is %v %s that of %s", scale.Duration(skew.Abs().Round(time.Second)), aheadOrBehind(skew), server), "set both clocks by NTP (timedatectl set-ntp true)")
			continue
		}
		p.ok("", "the clock agrees with that of "+server)
	}
}

func aheadOrBehind(skew time.Duration) string {
	if skew > 0 {
		return "ahead of"
	}
	return "behind"
}

// servers are the addresses that the sources of all documents name.
func (p *patient) servers() []string {
	var all []string
	for _, doc := range p.docs {
		for _, s := range doc.Spec.Signals {
			var body struct{ Server, URL string }
			if json.Unmarshal(s.Source.Body, &body) != nil {
				continue
			}
			for _, server := range []string{body.Server, body.URL} {
				if u, err := url.Parse(server); err == nil && u.Host != "" && !slices.Contains(all, server) {
					all = append(all, server)
				}
			}
		}
	}
	return all
}

// serverTime is exact to a second. The middle of that second is the best
// guess.
func serverTime(ctx context.Context, server string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, server, nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	response.Body.Close()
	date := response.Header.Get("Date")
	if date == "" {
		return time.Time{}, errors.New("no date")
	}
	t, err := http.ParseTime(date)
	return t.Add(time.Second / 2), err
}
