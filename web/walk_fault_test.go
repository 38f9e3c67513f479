package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// A part of a page that is refused leaves the others where they are.
func TestWalkRecordThatCannotBeRead(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	sc := screens()[0]
	b.before(sc)
	remembered, _ := remembering(t)
	store := &fragile{Store: remembered.feeder.store}
	s := openWith(t, "", web.Options{Targets: []web.TargetInfo{demo()}, Store: store})
	s.play(300)
	stop := s.live()
	defer stop()
	b.open(s.url("#/t/shop-web"))
	b.sees(".decisions", "requestRate")

	store.broken.Store(true)
	b.open(s.url(fmt.Sprintf("#/t/shop-web?from=%s&to=%s", hours(50), hours(44))))
	b.sees("#fault", "Not everything could be loaded", "the record cannot be read", "Try again")
	b.sees(".no-data", "could not be loaded")
	b.sees(".decisions", "could not be loaded")
	b.sees(".numbers", "Requests", "/s")
	if n := b.count("#refused"); n != 0 {
		t.Error("a record that cannot be read takes the whole page away")
	}
	b.usable(sc, "fault")
	before := b.text(".foot time")
	poll(t, "the present goes on beside it", func() bool { return b.text(".foot time") != before })

	store.broken.Store(false)
	b.click("#fault .button")
	poll(t, "the notice goes", func() bool { return b.count("#fault") == 0 })
	b.sees(".decisions", "requestRate")
	b.clean(s.address, "503")
}

func TestWalkPageByPage(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	b.before(screens()[0])
	s, _ := remembering(t)
	from := clock.System.Now().Add(-40 * time.Hour)
	var entries []record.Entry
	for i := range 150 { // among more changes than a page holds
		for _, kind := range []string{"ScaledUp", "FaultBegan", "ScaledDown"} {
			e := record.Event{Type: kind, Target: "shop-web", At: from.Add(time.Duration(i) * time.Minute), Message: fmt.Sprintf("number %d", i)}
			entries = append(entries, record.Entry{Target: e.Target, At: e.At, Event: &e})
		}
	}
	if err := s.feeder.store.Write(t.Context(), record.Batch{Entries: entries}); err != nil {
		t.Fatal(err)
	}
	window := fmt.Sprintf("from=%s&to=%s", hours(60), hours(1))
	b.open(s.url("#/t/shop-web?filter=events&" + window))
	poll(t, "a page of events", func() bool { return b.count(".decisions .event") == 100 })
	b.clickLast(".decisions", "Older events")
	poll(t, "the rest of them", func() bool { return b.count(".decisions .event") == 150 })
	if text := b.text(".decisions"); strings.Contains(text, "Older") || !strings.Contains(text, "number 0") {
		t.Error("the last page names a next one, or lacks the first event")
	}

	b.open(s.url("#/t/shop-web?" + window))
	poll(t, "a page of decisions", func() bool { return b.count(".decisions .line") == 100 })
	for pages := 0; strings.Contains(b.text(".decisions"), "Older"); pages++ {
		lines := b.count(".decisions .line")
		b.clickLast(".decisions", "Older decisions")
		poll(t, "more lines", func() bool { return b.count(".decisions .line") > lines })
		if pages > 20 {
			t.Fatal("there is always an older page")
		}
	}
	if n := b.count(".decisions .event"); n != 150 {
		t.Errorf("%d events between the decisions, want all 150", n)
	}
	b.clean(s.address)
}

// clickLast clicks the button at the end of a list once it says something.
func (b *browser) clickLast(list, words string) {
	b.t.Helper()
	b.sees(list+" > li:last-child", words)
	b.click(list + " > li:last-child button")
}

// A click in a chart before all that is listed marks what was in force then.
func TestWalkClickBeforeTheLog(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	b.before(screens()[0])
	s, _ := remembering(t)
	b.open(s.url(fmt.Sprintf("#/t/shop-web?from=%s&to=%s", hours(60), hours(1))))
	poll(t, "a page of decisions", func() bool { return b.count(".decisions .line") == 100 })
	oldest := script[string](b, `[...document.querySelectorAll(".decisions time")].at(-1).dateTime`)
	x, y, width, height := b.box("figure:nth-of-type(1) .u-over")
	run(b, "press", chromedp.MouseEvent(chromedp.MousePressed, x+0.1*width, y+height/2, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	run(b, "release", chromedp.MouseEvent(chromedp.MouseReleased, x+0.1*width, y+height/2, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	poll(t, "the page asks which was in force", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return strings.Contains(strings.Join(b.requests, "\n"), "limit=1&")
	})
	poll(t, "a mark", func() bool { return b.pixels(0, 0x0a, 0x5f, 0xd0) > 50 })
	if n := b.count(".decisions > li.chosen"); n != 0 {
		t.Errorf("%d decisions of the list are chosen, want none: the oldest, of %s, came later", n, oldest)
	}
	b.clean(s.address, "willReadFrequently") // that is this test
}

// A pause that ends is shown no more, though nothing else happens.
func TestWalkPauseThatEnds(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	b.before(screens()[0])
	s, h := remembering(t)
	s.play(30)
	now := clock.System.Now()
	until := now.Add(6 * time.Second)
	if err := h.SetMode(t.Context(), "shop-web", web.Override{Mode: scale.Paused, Until: &until, By: "ann", At: now}); err != nil {
		t.Fatal(err)
	}
	b.open(s.url("#/t/shop-web"))
	b.sees("#override", "Paused by ann since", "left")
	b.sees(".mode", "Paused", "Resume…")
	poll(t, "the banner goes", func() bool { return b.count("#override") == 0 })
	b.sees(".mode", "Apply", "Pause…")
	b.open(s.url("#/all"))
	b.sees(".rows", "Apply")
	b.clean(s.address)
}
