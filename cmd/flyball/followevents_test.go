package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// An event of a change carries the time of the observation behind it, and
// targets know nothing of each other: times do not come in order.
func TestFollowShowsEventsThatComeLate(t *testing.T) {
	i := newInstance(t, "shop", "bakery")
	w := newWire(t, i.http.URL)
	now := clock.System.Now().Add(-10 * time.Minute)
	happens := func(target string, second int) {
		at := now.Add(time.Duration(second) * time.Second)
		i.event(record.Event{Type: "ScaledUp", Target: target, At: at, Message: fmt.Sprintf("%s at %d.", target, second)})
	}
	for second := range 3 {
		happens("shop", second)
	}
	out, notes, end := following(t, "events", "--follow", "--limit", "2", "--server", w.url())
	comes := func(target string, second int) {
		t.Helper()
		eventually(t, func() bool { return strings.Contains(out.String(), fmt.Sprintf("%s at %d.", target, second)) })
	}
	comes("shop", 2)
	eventually(t, func() bool { return strings.Count(i.get("/api/v1/events"), "ScaledUp") == 3 })
	happens("shop", 200)
	comes("shop", 200)
	happens("shop", 180)
	comes("shop", 180)
	happens("bakery", 190)
	comes("bakery", 190)

	w.set(true)
	eventually(t, func() bool { return strings.Contains(notes.String(), "(connection lost, trying again)") })
	happens("bakery", 100)
	happens("shop", 210)
	w.set(false)
	eventually(t, func() bool { return strings.Contains(notes.String(), "(reconnected, 2 missed are shown)") })
	happens("bakery", 150)
	comes("bakery", 150)
	if status := end(); status != 0 {
		t.Errorf("after Ctrl-C: status %d, want 0; %s", status, notes)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
	want := []string{"shop at 1.", "shop at 2.", "shop at 200.", "shop at 180.", "bakery at 190.", "bakery at 100.", "shop at 210.", "bakery at 150."}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d, each once:\n%s", len(lines), len(want), out)
	}
	for n := range want {
		if !strings.Contains(lines[n], want[n]) {
			t.Errorf("line %d is %s, want %s", n, lines[n], want[n])
		}
	}
}

// What is remembered is bounded; what is forgotten does not come back.
func TestFollowRemembersTheNewestLines(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	m := &written{}
	for n := range 2 * mostRemembered {
		m.add(line{target: "shop", id: int64(n), at: at(n)})
	}
	if len(m.ids) != mostRemembered {
		t.Errorf("%d lines are remembered, want %d", len(m.ids), mostRemembered)
	}
	for n, known := range map[int]bool{2*mostRemembered - 1: true, mostRemembered: true, mostRemembered - 1: true, 0: true, 2 * mostRemembered: false} {
		if got := m.listed(line{target: "shop", id: int64(n), at: at(n)}); got != known {
			t.Errorf("line %d: known %v, want %v", n, got, known)
		}
	}
	if m.has(line{target: "bakery", id: 2*mostRemembered - 1}) {
		t.Error("the line of another target was taken for one of shop")
	}
}
