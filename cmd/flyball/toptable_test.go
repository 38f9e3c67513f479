package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// In a narrow terminal what is wrong comes before numbers, and READY is whole.
func TestANarrowTableKeepsWhatIsWrong(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	shop := client.Target{Name: "shop-web-of-the-east", Mode: scale.Apply, Point: &web.Point{Ready: 0, Desired: 12}}
	shop.Conditions = []client.Condition{{Type: "CrashLoop", Message: "it ended 3 times"}}
	for _, width := range []int{30, 40, 60, 80} {
		rows := targetTable([]client.Target{shop}, now, width)
		for _, row := range rows {
			if n := utf8.RuneCountInString(row); n > width {
				t.Errorf("at %d columns %q has %d", width, row, n)
			}
		}
		if !strings.Contains(rows[0], "READY") || !strings.Contains(rows[1], "0/12") {
			t.Errorf("at %d columns READY is cut:\n%s", width, strings.Join(rows, "\n"))
		}
		if !strings.Contains(rows[1], "! Crash") {
			t.Errorf("at %d columns nothing says what is wrong:\n%s", width, strings.Join(rows, "\n"))
		}
	}
	shop.Conditions = nil
	if rows := targetTable([]client.Target{shop}, now, 60); !strings.Contains(rows[0], "GOOD") {
		t.Errorf("while all is well numbers have the room:\n%s", strings.Join(rows, "\n"))
	}
}

// While the engine is away nothing can be read, and that is the one reason.
func TestAnEngineThatIsAwayIsTheReason(t *testing.T) {
	shop := client.Target{Name: "shop", Faults: []web.FaultView{{From: "target usage", Error: "cannot connect"}}}
	shop.Conditions = []client.Condition{{Type: "CrashLoop", Message: "before"}, {Type: scale.EngineUnreachable, Message: "no answer"}}
	if got, want := why(&shop, time.Unix(1_000_000, 0)), "! EngineUnreachable: no answer"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
