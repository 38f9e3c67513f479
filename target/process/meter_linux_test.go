package process

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flyball-io/flyball/scale"
)

// fullMeter has read each replica once a second from 0 to last: its use of
// cores and bytes is constant from second step on, and nothing before.
func fullMeter(last int, replicas map[string]usedFrom) *meter {
	cfg := Default()
	cfg.Resources = Resources{CPU: 2, Memory: "1000"}
	cfg.UsageWindow = scale.Duration(4 * time.Second)
	subjects := map[string]subject{}
	for id, u := range replicas {
		subjects[id] = subject{since: u.since}
	}
	m := newMeter()
	m.follow(cfg, subjects)
	for second := range last + 1 {
		readings := map[string]reading{}
		for id, u := range replicas {
			if second >= u.first {
				used := max(0, second-u.step) * int(u.cores*1000)
				readings[id] = reading{at: at(second), cpu: time.Duration(used) * time.Millisecond, rss: u.bytes}
			}
		}
		m.add(readings)
	}
	return m
}

type usedFrom struct {
	since        time.Time // takes work; zero: it does not
	first, step  int
	cores, bytes float64
}

func sample(signal, replica string, second, window int, value float64) scale.Sample {
	return scale.Sample{Signal: signal, Replica: replica, At: at(second), Window: time.Duration(window) * time.Second, Value: value}
}

func TestUsageIsTheMeanOfThoseThatTakeWork(t *testing.T) {
	cpu, memory := scale.CPUUtilization, scale.MemoryUtilization
	for _, test := range []struct {
		rule     string
		last     int
		replicas map[string]usedFrom
		want     []scale.Sample
	}{
		{"nothing followed, nothing said", 9, nil, nil},
		{"one reading says nothing", 0, map[string]usedFrom{"a": {since: at(0), cores: 1}}, nil},
		{"two do, over the time between them", 1, map[string]usedFrom{"a": {since: at(0), cores: 1, bytes: 500}}, []scale.Sample{
			sample(cpu, "a", 1, 1, 0.5), sample(memory, "a", 1, 1, 0.5), sample(cpu, "", 1, 1, 0.5), sample(memory, "", 1, 1, 0.5),
		}},
		{"no more than the window counts", 10, map[string]usedFrom{"a": {since: at(0), step: 8, cores: 2}}, []scale.Sample{
			sample(cpu, "a", 10, 4, 0.5), sample(memory, "a", 10, 4, 0), sample(cpu, "", 10, 4, 0.5), sample(memory, "", 10, 4, 0),
		}},
		{"one that takes no work has a value but is not part of the target's", 9, map[string]usedFrom{
			"a": {since: at(0), cores: 0.5, bytes: 100}, "b": {cores: 2, bytes: 900},
		}, []scale.Sample{
			sample(cpu, "a", 9, 4, 0.25), sample(memory, "a", 9, 4, 0.1), sample(cpu, "b", 9, 4, 1), sample(memory, "b", 9, 4, 0.9),
			sample(cpu, "", 9, 4, 0.25), sample(memory, "", 9, 4, 0.1),
		}},
		{"where none takes work the target has no value", 9, map[string]usedFrom{"b": {cores: 2}}, []scale.Sample{
			sample(cpu, "b", 9, 4, 1), sample(memory, "b", 9, 4, 0),
		}},
		{"the target is the mean, and start-up is not work", 9, map[string]usedFrom{
			"a": {since: at(0), cores: 2}, "b": {since: at(7), cores: 1}, "c": {since: at(9), cores: 2},
		}, []scale.Sample{
			sample(cpu, "a", 9, 4, 1), sample(memory, "a", 9, 4, 0), sample(cpu, "b", 9, 4, 0.5), sample(memory, "b", 9, 4, 0),
			sample(cpu, "c", 9, 4, 1), sample(memory, "c", 9, 4, 0), sample(cpu, "", 9, 4, 0.75), sample(memory, "", 9, 4, 0),
		}},
		{"work before readiness is left out", 9, map[string]usedFrom{"a": {since: at(8), step: 8, cores: 2}}, []scale.Sample{
			sample(cpu, "a", 9, 4, 0.25), sample(memory, "a", 9, 4, 0), sample(cpu, "", 9, 1, 1), sample(memory, "", 9, 1, 0),
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			got, err := fullMeter(test.last, test.replicas).samples(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMeterKeepsNoMoreThanItsWindow(t *testing.T) {
	m := fullMeter(1000, map[string]usedFrom{"a": {since: at(0), cores: 1}})
	if got := len(m.followed["a"].readings); got != 5 {
		t.Errorf("%d readings of 4 s, want 5", got)
	}
}

func TestMeterForgetsWhoeverIsNotThere(t *testing.T) {
	m := fullMeter(5, map[string]usedFrom{"a": {since: at(0), cores: 1}})
	m.add(nil)
	if got, err := m.samples(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("not found at the last reading: %v, %v; want no sample", got, err)
	}
	m = fullMeter(5, map[string]usedFrom{"a": {since: at(0), cores: 1}})
	m.follow(Default(), nil)
	m.add(map[string]reading{"a": {at: at(6)}}) // was under way
	if got, err := m.samples(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("no longer followed: %v, %v; want no sample", got, err)
	}
}

func TestMeterWithoutMemorySaysNothingOfIt(t *testing.T) {
	m := fullMeter(5, map[string]usedFrom{"a": {since: at(0), cores: 1, bytes: 5}})
	m.follow(Default(), map[string]subject{"a": {since: at(0)}})
	got, err := m.samples(t.Context())
	want := []scale.Sample{sample(scale.CPUUtilization, "a", 5, 4, 1), sample(scale.CPUUtilization, "", 5, 4, 1)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestMeterThatCannotReadSaysSo(t *testing.T) {
	m := fullMeter(5, map[string]usedFrom{"a": {since: at(0), cores: 1}})
	m.fail(errors.New("no table"))
	if got, err := m.samples(t.Context()); err == nil || !strings.Contains(err.Error(), "no table") || len(got) != 0 {
		t.Errorf("got %v, %v; want the error and no sample", got, err)
	}
	m.add(map[string]reading{"a": {at: at(7), cpu: 7 * time.Second}})
	if got, err := m.samples(t.Context()); err != nil || len(got) != 4 {
		t.Errorf("after the next reading: %v, %v; want 4 samples", got, err)
	}
	m.fail(errors.New("no table"))
	m.follow(Default(), nil)
	if _, err := m.samples(t.Context()); err != nil {
		t.Errorf("with nobody to read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.samples(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestReadingsAreASecondApartAtMost(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		15 * time.Second: time.Second, 500 * time.Millisecond: 500 * time.Millisecond, time.Millisecond: 100 * time.Millisecond,
	} {
		cfg := Default()
		cfg.UsageWindow = scale.Duration(window)
		m := newMeter()
		m.follow(cfg, nil)
		if _, got := m.subjects(); got != want {
			t.Errorf("window %v: a reading every %v, want %v", window, got, want)
		}
	}
}
