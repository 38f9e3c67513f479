package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/web"
)

// watchShifts makes a page add up by how much its parts move without being
// asked to, but for the decisions, which make room for a new one above them.
const watchShifts = `window.shifted = 0; window.shifters = [];
new PerformanceObserver((list) => list.getEntries().forEach((e) => {
	const moved = e.sources.filter((s) => s.node && !(s.node.closest ? s.node : s.node.parentNode)?.closest(".decisions"));
	if (e.hadRecentInput || moved.length === 0) return;
	window.shifted += e.value;
	for (const s of moved) window.shifters.push(s.node.parentNode?.className + " " + (s.node.className || s.node.nodeValue) + JSON.stringify([s.previousRect, s.currentRect]));
})).observe({ type: "layout-shift", buffered: true });`

func TestPageTellsWhetherAndWhy(t *testing.T) {
	b := newBrowser(t)
	s := open(t, "", demo())
	s.play(800)
	b.size(1440, 900, false)
	b.scheme("light")
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchShifts})
	b.open(s.url(""))
	b.sees("h1", "shop-web") // the only target is opened at once
	b.sees(".policy", "Apply", "hpa (requestRate, 35 per replica)")
	b.sees("#objective", "99.9 % of requests under 500 ms", "%", "first 13 min of 1 h")
	b.sees(".numbers", "Requests", "/s", "Latency p95", "ms", "Replicas ready", "wanted", "2 – 20")
	b.sees("#why", "the highest recommendation of the last 60 s counts", "set by behavior")
	b.sees(".foot", "480 × faster", "UTC", "127.0.0.1:8080", "process flyball sample-app")
	b.sees(".backends tbody", "127.0.0.1:400", "ready")
	for i := range 4 {
		drawn := script[int](b, `(c => { const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
			const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return seen.size })(document.querySelectorAll("canvas")[%d])`, i)
		if drawn < 3 {
			t.Errorf("chart %d has %d colours: it is empty", i, drawn)
		}
	}
	b.sees("figure:nth-of-type(3) .hidden", "wanted: now", "between")
	b.shoot("target-light")

	stop := s.live()
	before := b.text(".foot time")
	poll(t, "the page follows the live data", func() bool { return b.text(".foot time") != before })
	stop()
	if shifted := script[float64](b, "window.shifted"); shifted > 0.02 {
		t.Errorf("the layout shifted by %.3f while data arrived: %s", shifted, script[string](b, "window.shifters.join('\\n')"))
	}
	b.size(1200, 800, false)
	if over := script[int](b, `(s => s.scrollWidth - s.clientWidth)(document.querySelector(".backends .scroll"))`); over > 0 {
		t.Errorf("the backends are %d px wider than their room", over)
	}
	b.clean(s.address)
}

func TestPageDecisionsUnfoldAndFilter(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	s := open(t, "", demo())
	s.play(800)
	b.size(1440, 900, false)
	b.scheme("dark")
	b.open(s.url("#/t/shop-web"))
	b.sees(".decisions", "→", "requestRate")
	if n := b.count(".trail"); n != 0 {
		t.Errorf("%d trails are unfolded from the start", n)
	}
	b.click(".decisions > li.change .line")
	b.sees(".trail", "signal", "requestRate", "policy", "hpa", "guard", "data", "ok", "behavior", "held", "bounds", "decided", "applied at", "shadow", "kpa")
	for _, chart := range []int{0, 1, 3} { // the other draws in this colour anyway
		if n := b.pixels(chart, 0x6d, 0xb1, 0xff); n < 50 {
			t.Errorf("chart %d has %d pixels of a mark at the chosen decision", chart, n)
		}
	}
	b.shoot("trail-dark")
	b.click(".decisions > li.change .line")
	poll(t, "the trail folds again", func() bool { return b.count(".trail") == 0 })

	b.click(".choices button:nth-child(2)")
	poll(t, "only changes are left", func() bool { return b.count(".decisions > li:not(.change)") == 0 && b.count(".decisions > li") > 3 })
	b.key("3")
	poll(t, "only decisions held back are left", func() bool {
		lines := b.count(".decisions > li .line")
		return lines > 3 && lines == strings.Count(b.text(".decisions"), "held back by behavior")
	})
	b.key("1")
	b.key("/")
	b.key("needle")
	b.sees(".decisions", "No decision here contains “needle”")
	b.key(kb.Escape)
	b.sees(".decisions", "requestRate")

	b.key("j")
	b.key("j")
	b.key("k")
	if at := script[int](b, `[...document.querySelectorAll(".decisions > li")].findIndex((l) => l.classList.contains("chosen") && l.contains(document.activeElement))`); at != 0 {
		t.Errorf("j j k chose line %d, want the first", at)
	}
	b.key(kb.Enter)
	b.sees(".trail", "decided")
	b.key("?")
	b.sees("dialog", "next, previous line", "pause, or resume", "choose the window of time", "back to live")
	b.shoot("help-dark")
	b.key(kb.Escape)
	poll(t, "the help is gone", func() bool { return b.count("dialog") == 0 })
	b.clean(s.address)
}

func TestPageZoomsAndStaysLive(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	s := open(t, "", demo())
	s.play(800)
	b.size(1440, 900, false)
	b.scheme("light")
	b.open(s.url("#/t/shop-web"))
	b.sees(".decisions", "→")
	whole := b.text(".span")
	x, y, width, height := b.box("figure:nth-of-type(2) .u-over")
	move := func(share float64) {
		run(b, "move", chromedp.MouseEvent(chromedp.MouseMoved, x+share*width, y+height/2, chromedp.ButtonLeft))
	}
	move(0.9)
	poll(t, "the cursor names its instant", func() bool { text := b.text(".span"); return text != whole && len(text) == len("00:00:00") })
	b.shoot("cursor-light")
	press := func(what string, event chromedp.Action[chromedp.Void]) { run(b, what, event) }
	move(0.7)
	press("press", chromedp.MouseEvent(chromedp.MousePressed, x+0.7*width, y+height/2, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	move(0.8)
	move(0.95)
	press("release", chromedp.MouseEvent(chromedp.MouseReleased, x+0.95*width, y+height/2, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	press("leave", chromedp.MouseEvent(chromedp.MouseMoved, 5, 5))
	b.sees(".shown", "Past", "Back to live")
	zoomed := b.text(".span")
	b.shoot("zoom-light")

	stop := s.live()
	defer stop()
	before := b.text(".foot time")
	poll(t, "the numbers stay live", func() bool { return b.text(".foot time") != before })
	if now := b.text(".span"); now != zoomed {
		t.Errorf("live data moved the zoom from %q to %q", zoomed, now)
	}
	middle := func(event chromedp.Action[chromedp.Void]) { press("double-click", event) }
	for n := range 2 {
		middle(chromedp.MouseEvent(chromedp.MousePressed, x+width/2, y+height/2, chromedp.ButtonLeft, chromedp.ClickCount(n+1)))
		middle(chromedp.MouseEvent(chromedp.MouseReleased, x+width/2, y+height/2, chromedp.ButtonLeft, chromedp.ClickCount(n+1)))
	}
	press("leave", chromedp.MouseEvent(chromedp.MouseMoved, 5, 5))
	poll(t, "a double-click goes back to the present", func() bool { return !strings.Contains(b.text(".shown"), "Back") })
	if n := b.count(".decisions > li.chosen"); n != 1 {
		t.Errorf("%d decisions chosen by clicking at an instant, want 1", n)
	}
	b.clean(s.address)
}

func TestPageSurvivesItsServer(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	s := open(t, "", demo())
	s.play(100)
	b.size(1440, 900, false)
	b.scheme("light")
	b.open(s.url("#/t/shop-web"))
	b.sees(".decisions", "requestRate")
	s.close()
	b.sees("#disconnected", "Disconnected since", "Try now")
	b.shoot("disconnected-light")
	again := open(t, s.address, demo())
	again.play(20)
	poll(t, "the banner goes by itself", func() bool { return b.count("#disconnected") == 0 })
	b.sees(".foot", "live, last report")
	poll(t, "the new server's data are shown", func() bool { return b.count(".decisions > li .line") <= 5 })
	stop := again.live()
	defer stop()
	before := b.text(".foot time")
	poll(t, "the stream goes on", func() bool { return b.text(".foot time") != before })
	b.clean(s.address, "net::ERR_")
}

func TestPageStates(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	b.size(1440, 900, false)
	b.scheme("light")
	now := clock.System.Now()
	publish := func(s *site, r control.Report) {
		if err := control.Reports(s.bus, r.Target).Publish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}

	s := open(t, "")
	b.open(s.url(""))
	b.sees("main", "No target yet", "flyball init")
	b.shoot("empty-light")
	b.open(s.url("#/t/nobody"))
	b.sees("#refused", `no target "nobody": known are none`)
	nobody := demo()
	nobody.Name = "nobody"
	s.server.SetTargets([]web.TargetInfo{nobody})
	b.sees(".foot", "waiting for the first report") // it kept asking
	b.clean(s.address, "404")

	s = open(t, "", demo())
	b.open(s.url(""))
	b.sees(".charts", "Waiting for the first measurement")
	b.sees(".foot", "waiting for the first report")
	b.shoot("waiting-light")

	s.play(60)
	publish(s, control.Report{Target: "shop-web", At: now, Faults: []control.Fault{{From: "prometheus", Error: "connection refused"}},
		Status: &target.Status{At: now, Conditions: []scale.Condition{{Type: "CrashLoop", Since: now.Add(-time.Minute), Message: "shop-web-4 ended 5 times"}}}})
	b.sees(".notices", "prometheus cannot be read since", "connection refused", "CrashLoop", "ended 5 times")
	b.sees(".backends", "No replica")
	b.shoot("fault-light")

	s = open(t, "", demo())
	publish(s, control.Report{Target: "shop-web", At: now.Add(-5 * time.Minute), Samples: []scale.Sample{{Signal: scale.RequestRate, Value: 12}}})
	b.open(s.url(""))
	b.sees("#stale", "No report for 5 min", "flyball doctor")
	if n := b.count(".target.stale"); n != 1 {
		t.Error("old numbers do not look old")
	}
	b.shoot("stale-light")
}

func TestPageOfAllTargets(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	quiet, waiting, faulty := demo(), demo(), demo()
	quiet.Name, waiting.Name, faulty.Name = "api-gateway", "nightly-batch", "billing"
	quiet.Objective, faulty.Mode = nil, scale.Recommend
	quiet.Sync, faulty.Sync = time.Minute, time.Minute // not stale before the test is over
	s := open(t, "", waiting, quiet, demo(), faulty)
	s.play(760)
	for i := range 120 {
		at := clock.System.Now().Add(time.Duration(i-119) * time.Second)
		for _, name := range []string{"api-gateway", "billing"} {
			r := seen(at, 1200+40*float64(i%7), 0.0002)
			r.Target = name
			if name == "billing" && i > 100 {
				r.Faults = []control.Fault{{From: "target", Error: "docker: no such service"}}
			}
			if err := control.Reports(s.bus, r.Target).Publish(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	wish := decision(clock.System.Now(), 3, 5, 5)
	wish.Decision.Target, wish.Mode = "billing", scale.Recommend
	if err := control.Decisions(s.bus, "billing").Publish(t.Context(), wish); err != nil {
		t.Fatal(err)
	}
	stop := s.live()
	defer stop()
	b.size(1440, 900, false)
	b.scheme("light")
	b.open(s.url(""))
	b.sees(".answer", "2 of 4 targets in trouble", "shop-web", "billing")
	b.sees(".rows li:first-child", "shop-web", "objective broken", "99.9 % promised (first ", "/s", "→")
	b.sees(".rows", "target cannot be read", "no measurement yet", "no objective stated", "1.2", "would add 2: 3 → 5 (Recommend: not applied)")
	b.shoot("overview-light")
	b.size(1280, 800, false)
	if cut := script[string](b, `[...document.querySelectorAll(".row .how > span, .row .what > span")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent).join()`); cut != "" {
		t.Errorf("cut: %s", cut)
	}
	b.scheme("dark")
	b.size(390, 844, true)
	b.fits(390)
	b.shoot("overview-phone-dark")
	b.click(".rows li:first-child a")
	b.sees("h1", "shop-web")
	b.clean(s.address)
}

func TestPageOnAPhone(t *testing.T) {
	testenv.Long(t)
	b := newBrowser(t)
	s := open(t, "", demo())
	s.play(800)
	b.size(390, 844, true)
	b.scheme("light")
	b.open(s.url(""))
	b.sees(".decisions", "→")
	b.fits(390)
	order := script[string](b, `[".numbers", ".log", ".charts", ".backends"].map((s) => [s, document.querySelector(s).getBoundingClientRect().y]).sort((a, b) => a[1] - b[1]).map((a) => a[0]).join()`)
	if order != ".numbers,.log,.charts,.backends" {
		t.Errorf("order %s, want status, why, charts, backends", order)
	}
	b.click(".decisions > li.change .line")
	b.sees(".trail", "decided")
	b.fits(390)
	for i := range 4 {
		script[int](b, "window.scrollTo(0, %d), 1", i*800)
		b.shoot(fmt.Sprintf("phone-light-%d", i))
	}
	b.clean(s.address)
}

// fits fails the test when the page is wider than the screen.
func (b *browser) fits(width int) {
	b.t.Helper()
	if got := script[int](b, "document.documentElement.scrollWidth"); got > width {
		b.t.Errorf("the page is %d px wide on a screen of %d px", got, width)
	}
	over := script[string](b, `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll, .hidden") && e.getBoundingClientRect().right > %d + 0.5).map((e) => e.className || e.tagName).slice(0, 5).join()`, width)
	if over != "" {
		b.t.Errorf("wider than the screen: %s", over)
	}
}
