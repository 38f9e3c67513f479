package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
)

// hours names an instant some hours ago as an address does.
func hours(ago float64) string {
	return clock.System.Now().Add(-time.Duration(ago * float64(time.Hour))).UTC().Format(time.RFC3339)
}

func TestWalkAnyPastWindow(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, _ := remembering(t)
		s.play(300)
		stop := s.live()
		defer stop()
		b.open(s.url(fmt.Sprintf("#/t/shop-web?from=%s&to=%s", hours(50), hours(44))))
		b.sees(".window", "Past", "Back to live", "a point is")
		b.sees(".decisions", "requestRate")
		b.sees(".log .toolbar", "Past")
		b.sees("#log-title", "now") // the answer above the log is of the present
		area := map[string][3]byte{"light": {0xd9, 0xde, 0xe4}, "dark": {0x32, 0x3a, 0x43}}[sc.scheme]
		poll(t, "the load of then is drawn", func() bool { return b.pixels(0, area[0], area[1], area[2]) > 5000 })
		b.usable(sc, "past")
		shown, before := b.text(".span"), b.text(".foot time")
		poll(t, "the present goes on beside it", func() bool { return b.text(".foot time") != before })
		if now := b.text(".span"); now != shown {
			t.Errorf("live data moved the past from %q to %q", shown, now)
		}

		b.key("[")
		poll(t, "earlier", func() bool { return b.text(".span") != shown })
		b.key("l")
		poll(t, "back to live", func() bool { return b.count("#past") == 0 && !strings.Contains(b.hash(), "from=") })
		moving := b.text(".span")
		poll(t, "live data move the window", func() bool { return b.text(".span") != moving })
		for i, key := range []string{"", "1h", "3h", "24h", "7d", "30d"} {
			b.click(fmt.Sprintf(".window [aria-label='Time range'] button:nth-of-type(%d)", i+1))
			poll(t, "the address says "+key, func() bool {
				return key == "" && b.hash() == "#/t/shop-web" || strings.HasSuffix(b.hash(), "span="+key)
			})
			b.sees(".legend", "/s")
		}
		b.sees(".window", "a point is 30 min")
		b.usable(sc, "month")
		b.clean(s.address)
	})
}

func TestWalkCustomWindow(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, _ := remembering(t)
		s.play(30)
		stop := s.live()
		defer stop()
		local := func(ago time.Duration) string {
			return clock.System.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05")
		}
		b.open(s.url("#/t/shop-web"))
		b.sees(".decisions", "requestRate")
		b.key("w")
		b.sees("#window", "Show a window of time", "ends now and goes on")
		b.fill("#from", local(-time.Hour))
		b.sees("#window-wrong", "lies in the future")
		b.fill("#from", local(30*time.Hour))
		b.fill("#to", local(31*time.Hour))
		b.sees("#window-wrong", "later than From")
		if !script[bool](b, `document.querySelector("#window .primary").disabled`) {
			t.Error("a window that ends before it begins can be asked for")
		}
		b.usable(sc, "window")
		b.fill("#to", local(28*time.Hour))
		poll(t, "nothing is wrong any more", func() bool { return b.text("#window-wrong") == "" })
		script[bool](b, `document.querySelector("#to").focus(), true`)
		b.key(kb.Enter)
		b.sees(".window", "Past", "Back to live")
		poll(t, "the address names it", func() bool { return strings.Contains(b.hash(), "?from=") && strings.Contains(b.hash(), "&to=") })
		b.sees(".decisions", "requestRate")

		b.key("w")
		b.fill("#to", "")
		b.click("#window .primary")
		poll(t, "without an end it goes on", func() bool { return b.count("#past") == 0 && b.count("#live") == 1 })
		moving := b.text(".span")
		poll(t, "live data move its end", func() bool { return b.text(".span") != moving })
		b.open(s.url(fmt.Sprintf("#/t/shop-web?from=%s&to=%s", hours(900), hours(899))))
		b.sees(".no-data", "Nothing is remembered of this window")
		b.sees(".decisions", "No decision in this window")
		b.clean(s.address)
	})
}

func TestWalkTrailOfAnyDecision(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, _ := remembering(t)
		s.play(30)
		b.open(s.url(fmt.Sprintf("#/t/shop-web?from=%s&to=%s&filter=held", hours(60), hours(58))))
		b.sees(".decisions", "held back by behavior")
		b.key("j")
		b.key("o")
		b.sees("#count", "replicas")
		b.sees("#why", "set by the guard behavior")
		b.sees(".seen", "requestRate", "● fresh", "cpuUtilization", "△ stale", "1 min 14 s", "memoryUtilization", "○ absent", "p50", "p99")
		b.sees(".ladder", "signal requestRate", "cpuUtilization has no trustworthy value", "policy hpa", "guard data", "no objection", "behavior", "held:", "set the number", "bounds", "decided", "shadow kpa")
		b.usable(sc, "trail")
		first, at := b.hash(), b.text(".at")
		b.key("j")
		poll(t, "the decision before it", func() bool { return b.hash() < first && b.text(".at") != at })
		b.click("[rel=next]")
		poll(t, "and back", func() bool { return b.hash() == first })
		b.key("t")
		b.sees(".window", "Past")
		poll(t, "its instant is marked", func() bool { return b.count(".decisions > li.chosen") == 1 })
		b.clean(s.address)
	})
}

func TestWalkNewestDecision(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	b.before(screens()[0])
	s := open(t, "", demo())
	s.play(31)
	b.open(s.url("#/t/shop-web"))
	b.click("#why a")
	b.sees("#count", "replica")
	if n := b.count("a[rel=next]"); n != 0 {
		t.Error("the newest decision has a later one")
	}
	stop := s.live()
	defer stop()
	poll(t, "a later one comes", func() bool { return b.count("a[rel=next]") == 1 })
	b.open(s.url("#/t/shop-web/d/1000000000000"))
	b.sees("#refused", "no decision 1000000000000", "Show shop-web", "Show all targets")
	b.shoot("walk-nodecision-wide-light")
	b.clean(s.address, "404")
	b.open(s.url("#/t/shop-web"))
	b.click("#why a")
	b.sees("#count", "replica")
	stop()
	s.close()
	b.open(s.url("#/t/shop-web/d/1")) // only the part behind # changes: the page stays
	b.sees("#disconnected", "Disconnected since")
}
