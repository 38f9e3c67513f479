package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/labelled"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// labelledSwarm has services with labels.
type labelledSwarm struct {
	docker.Cluster // nothing else is asked for
	services       []docker.Service
}

func (l *labelledSwarm) Services(context.Context) ([]docker.Service, error) { return l.services, nil }

func (l *labelledSwarm) label(service string, labels map[string]string) {
	labels["flyball.enable"], labels["flyball.objective.latency"], labels["flyball.objective.target"] = "true", "250ms", "99%"
	for i := range l.services {
		if l.services[i].Name == service {
			l.services[i].Labels = labels
			return
		}
	}
	l.services = append(l.services, docker.Service{ID: service, Name: service, Labels: labels, Mode: docker.Replicated})
}

// nothingThere is a check that one service does not pass.
func nothingThere(name string) func([]app.Spec) error {
	return func(specs []app.Spec) error {
		for i := range specs {
			if specs[i].Name == name {
				return errors.New(name + " is not there")
			}
		}
		return nil
	}
}

// A wrong label of one service keeps no other from being scaled: at a start it
// is left out and told; once it is right it is taken, and what becomes wrong
// then is refused, so that it goes on as it was.
func TestAServiceWithAWrongLabelIsLeftOut(t *testing.T) {
	there := &labelledSwarm{}
	f := &documentFlags{labels: labelFlags{on: true, from: &labelled.Swarm{Engine: there, Clock: clock.System, Seen: &labelled.Seen{}}}}
	read := func() (names string, err error) {
		specs, err := f.decode(nil)
		if err != nil {
			return "", err
		}
		f.labels.take(specs)
		for i := range specs {
			names += specs[i].Name + " "
		}
		return names, nil
	}
	left := func() string {
		if err := f.labels.leftOut(); err != nil {
			return err.Error()
		}
		return ""
	}
	const port = "flyball.port"
	there.label("shop_api", map[string]string{"flyball.max": "4", port: "8080", "flyball.balancer": "builtin: {listen: '127.0.0.1:1'}"})
	for _, tc := range []struct {
		labels map[string]string
		want   string
	}{
		{map[string]string{"flyball.max": "ten", port: "8080"}, "service shop_web: flyball.max: must be a whole number"},
		{map[string]string{"flyball.max": "4", port: "8080", "flyball.balancer": "builtin: {listen: '127.0.0.1:1'}"}, "takes requests at 127.0.0.1:1, and so does shop-api"},
		{map[string]string{"flyball.max": "4", port: "8080", "flyball.policy": "hpa: {metrics: [{signal: sessions, averageValue: 3}]}"}, `service shop_web: flyball.policy: hpa: nobody measures the signal "sessions"`},
	} {
		there.label("shop_web", tc.labels)
		if names, err := read(); err != nil || names != "shop-api " || !strings.Contains(left(), tc.want) {
			t.Errorf("%v: got %q, left %q, %v; want %s", tc.labels, names, left(), err, tc.want)
		}
	}
	there.label("shop_web", map[string]string{"flyball.max": "4", port: "8080", "flyball.balancer": "builtin: {listen: '127.0.0.1:2'}"})
	if names, err := read(); err != nil || names != "shop-api shop-web " || left() != "" {
		t.Errorf("right at last: got %q, left %q, %v", names, left(), err)
	}
	there.label("shop_web", map[string]string{"flyball.max": "many", port: "8080"})
	there.label("shop_new", map[string]string{"flyball.max": "5x"})
	if names, err := read(); err == nil || !strings.Contains(err.Error(), "service shop_web: flyball.max") || strings.Contains(err.Error(), "shop_new") {
		t.Errorf("wrong while it runs: got %q, %v", names, err)
	}
}

// What shows only where it is to run is no different, and a document of a file
// is never left out.
func TestWhatIsNotThereIsLeftOut(t *testing.T) {
	there := &labelledSwarm{}
	there.label("shop_api", map[string]string{"flyball.max": "4", "flyball.port": "80", "flyball.balancer": "builtin: {listen: '127.0.0.1:1'}"})
	f := &documentFlags{files: []string{documentFile(t, "a.yaml", documentNamed("a"))},
		labels: labelFlags{on: true, from: &labelled.Swarm{Engine: there, Clock: clock.System, Seen: &labelled.Seen{}}}}
	for gone, want := range map[string]struct{ names, fault string }{"shop-api": {"a", ""}, "a": {"", "a is not there"}} {
		docs, err := f.load(builtin.New(), nil)
		if err != nil {
			t.Fatal(err)
		}
		specs, err := f.sound(docs, builtin.New(), nothingThere(gone))
		if (err == nil) != (want.fault == "") || err != nil && err.Error() != want.fault {
			t.Errorf("without %s: got %v, want %q", gone, err, want.fault)
		}
		if err == nil && (len(specs) != 1 || specs[0].Name != want.names) {
			t.Errorf("without %s: got %d documents", gone, len(specs))
		}
	}
}

// Two services may have names that become one: the later is left out, and one
// that is scaled stays so although the other comes first in a list.
func TestOfTwoServicesOfOneNameTheSecondIsLeftOut(t *testing.T) {
	const port, balancer = "flyball.port", "flyball.balancer"
	there := &labelledSwarm{}
	f := &documentFlags{labels: labelFlags{on: true, from: &labelled.Swarm{Engine: there, Clock: clock.System, Seen: &labelled.Seen{}}}}
	read := func() string {
		specs, err := f.decode(nil)
		if err != nil {
			return err.Error()
		}
		f.labels.take(specs)
		var names []string
		for i := range specs {
			names = append(names, specs[i].Target.Facts().Description)
		}
		return strings.Join(names, ", ")
	}
	label := func(service, at string) {
		there.label(service, map[string]string{"flyball.max": "4", port: "80", balancer: "builtin: {listen: '127.0.0.1:" + at + "'}"})
		slices.SortFunc(there.services, func(a, b docker.Service) int { return strings.Compare(a.Name, b.Name) }) // as an engine lists them
	}
	label("shop_web", "1")
	if got := read(); got != "swarm service shop_web" || f.labels.leftOut() != nil {
		t.Fatalf("got %s, left out %v", got, f.labels.leftOut())
	}
	label("shop-web", "2")
	label("shop_api", "3")
	want := `service shop-web: its document would be called "shop-web", as that of service shop_web is`
	if got := read(); got != "swarm service shop_api, swarm service shop_web" || f.labels.leftOut() == nil || f.labels.leftOut().Error() != want {
		t.Errorf("got %s, left out %v; want the new one left out: %s", got, f.labels.leftOut(), want)
	}
	f.labels.taken = nil // a start
	want = `service shop_web: its document would be called "shop-web", as that of service shop-web is`
	if got := read(); got != "swarm service shop-web, swarm service shop_api" || f.labels.leftOut() == nil || f.labels.leftOut().Error() != want {
		t.Errorf("at a start: got %s, left out %v; want %s", got, f.labels.leftOut(), want)
	}
}
