package app

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/web"
)

// The time without a bus is told at once on the own pages, and to the others,
// with the times of then, once they can hear of it.
func TestATimeWithoutTheBusIsTold(t *testing.T) {
	lost := time.Date(2026, 3, 1, 14, 3, 5, 0, time.UTC)
	b := memory.New()
	show := web.New(web.Options{Bus: b, Clock: clock.System, Targets: []web.TargetInfo{{Name: "shop"}}})
	pages := func(path string) string {
		answer := httptest.NewRecorder()
		show.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "http://127.0.0.1"+path, nil))
		return answer.Body.String()
	}
	var told []record.Event
	full := errors.New("not ready yet")
	o := &outages{show: show, tells: true, clock: func() time.Time { return lost.Add(32 * time.Second) },
		publish: func(e record.Event) error {
			if full == nil {
				told = append(told, e)
			}
			return full
		}}
	o.look(time.Time{}, nil)
	if text := pages("/api/v1/events"); strings.Contains(text, control.FaultBegan) {
		t.Errorf("told of %s while the bus was there", text)
	}
	for range 2 {
		o.look(lost, errors.New("connection refused"))
	}
	for path, want := range map[string]string{
		"/api/v1/events":  "the bus between the roles is away",
		"/api/v1/targets": `{"from":"bus","error":"away, so nothing is heard of the other roles and nothing is decided until it is back: connection refused","since":1772373785}`,
	} {
		if text := pages(path); strings.Count(text, want) != 1 {
			t.Errorf("%s: got %s, want once %s", path, text, want)
		}
	}
	o.look(lost, nil)
	full = nil
	for range 2 {
		o.look(lost, nil)
	}
	types := make([]string, 0, 2)
	for _, e := range told {
		types = append(types, e.Type)
	}
	if !slices.Equal(types, []string{control.FaultBegan, control.FaultEnded}) || !told[0].At.Equal(lost) || !told[1].At.Equal(o.clock()) {
		t.Errorf("the others were told %+v, want once when it began and ended", told)
	}
	if text := pages("/api/v1/targets"); strings.Contains(text, `"from":"bus"`) {
		t.Errorf("the fault lasts: %s", text)
	}
}
