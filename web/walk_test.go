package web_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	recordmemory "github.com/flyball-io/flyball/record/memory"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// screen is what a reader sits before.
type screen struct {
	name          string
	width, height int64
	mobile        bool
	scheme        string
}

func screens() []screen {
	return []screen{{"wide-light", 1440, 900, false, "light"}, {"phone-dark", 390, 844, true, "dark"}}
}

func (b *browser) before(s screen) {
	b.t.Helper()
	b.size(s.width, s.height, s.mobile)
	b.scheme(s.scheme)
}

// onEveryScreen walks through a story with a wide window and with a phone.
func onEveryScreen(t *testing.T, walk func(t *testing.T, b *browser, s screen)) {
	t.Helper()
	for _, s := range screens() {
		t.Run(s.name, func(t *testing.T) {
			b := newBrowser(t)
			b.before(s)
			walk(t, b, s)
		})
	}
}

// hands is what an app does with modes set by hand: it tells the dashboard,
// the log and whoever decides.
type hands struct {
	site *site
	info web.TargetInfo

	mu  sync.Mutex
	did []string
}

func (h *hands) SetMode(ctx context.Context, target string, m web.Override) error {
	return h.change(ctx, target, m.By, m.Mode, &m)
}

func (h *hands) ClearMode(ctx context.Context, target, by string) error {
	return h.change(ctx, target, by, h.info.Mode, nil)
}

func (h *hands) change(ctx context.Context, target, by string, mode scale.Mode, m *web.Override) error {
	h.mu.Lock()
	h.did = append(h.did, fmt.Sprintf("%s: %s", target, mode))
	h.mu.Unlock()
	info := h.info
	info.Override = m
	h.site.feeder.mode.Store(mode)
	h.site.server.SetTargets([]web.TargetInfo{info})
	e := record.Event{Type: "ModeChanged", Target: target, At: clock.System.Now(), By: by, Message: fmt.Sprintf("now %s", mode)}
	return control.Events(h.site.bus, target).Publish(ctx, e)
}

func (h *hands) done() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.did...)
}

// remembering is a site with a record of three days, a decision every five
// minutes, that may be acted upon. It ends before what is played begins: no
// record is newer than what the server hears.
func remembering(t *testing.T) (*site, *hands) {
	t.Helper()
	store := recordmemory.New(recordmemory.Options{MaxEntries: 1 << 20})
	older := newFeeder(memory.New(), "shop-web")
	older.store = store
	from := clock.System.Now().Add(-72 * time.Hour).Truncate(time.Minute)
	for n := range 3*24*12 - 5 {
		older.step(t, n*syncEvery, from.Add(time.Duration(n)*5*time.Minute))
	}
	h := &hands{info: demo()}
	s := openWith(t, "", web.Options{Targets: []web.TargetInfo{demo()}, Store: store, Actions: h})
	h.site = s
	return s, h
}

// paleText lists the words that do not stand out from what is behind them by
// the AA level of WCAG 2, but for what is disabled or old.
const paleText = `(() => {
	const parse = (c) => (c.match(/[\d.]+/g) ?? []).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3) return c } return [255, 255, 255] };
	const faded = (e) => { for (; e; e = e.parentElement) if (getComputedStyle(e).opacity < 1) return true; return false };
	const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), pale = [];
	for (let n; (n = words.nextNode());) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest(".hidden, :disabled, [aria-disabled]") || !e.getClientRects().length || faded(e)) continue;
		const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
		if ((a + 0.05) / (b + 0.05) < 4.5) pale.push(n.data.trim() + " in " + e.className);
	}
	return [...new Set(pale)].slice(0, 5).join("; ");
})()`

// usable fails the test when a page does not fit, or when something that can
// be reached with the keyboard has no name.
func (b *browser) usable(s screen, name string) {
	b.t.Helper()
	b.fits(int(s.width))
	nameless := script[string](b, `[...document.querySelectorAll("a, button, input, select, [tabindex]")].filter((e) =>
		!(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels?.length || e.innerText.trim())).map((e) => e.outerHTML.slice(0, 90)).join("\n")`)
	if nameless != "" {
		b.t.Errorf("%s: without a name: %s", name, nameless)
	}
	if pale := script[string](b, paleText); pale != "" {
		b.t.Errorf("%s, %s: contrast below 4.5: %s", name, s.scheme, pale)
	}
	if n := b.count("h1"); n != 1 {
		b.t.Errorf("%s: %d headings of the first level, want 1", name, n)
	}
	b.shoot("walk-" + name + "-" + s.name)
}

// TestWalkThroughEveryPage opens each page as a link would.
func TestWalkThroughEveryPage(t *testing.T) {
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, _ := remembering(t)
		s.play(800)
		stop := s.live()
		defer stop()
		call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"})
		b.open(s.url("#/all"))
		b.sees("#answer", "target")
		b.sees(".rows", "shop-web", "Apply", "/s")
		b.usable(sc, "overview")
		b.open(s.url("#/t/shop-web"))
		b.sees(".decisions", "→")
		b.sees(".shadows", "kpa", "concurrency", "in charge", "hpa (requestRate, 35 per replica)")
		b.sees("figure:nth-of-type(3) .legend", "shadow kpa", "wanted")
		b.sees(".foot", "UTC+05:30") // the reader's zone
		b.usable(sc, "target")
		b.key("2")
		poll(t, "the filter is in the address", func() bool { return strings.HasSuffix(b.hash(), "filter=changes") })
		poll(t, "a change is listed", func() bool { return b.count(".decisions > li.change .line") > 0 })
		b.click(".decisions > li.change .line")
		b.click(".whole a")
		b.sees("#seen-title", "What was seen")
		b.usable(sc, "decision")
		b.key("e")
		b.sees(".events-page h1", "events")
		b.usable(sc, "events")
		b.key("a")
		b.sees("#answer", "target")
		b.clean(s.address)
	})
}

// TestWalkNothingMoves loads each page anew and lets data arrive.
func TestWalkNothingMoves(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, _ screen) {
		s, _ := remembering(t)
		s.play(300)
		stop := s.live()
		defer stop()
		call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchShifts})
		for hash, there := range map[string]string{
			"#/all": ".rows li", "#/t/shop-web": ".decisions .line", "#/events": ".events", "#/t/shop-web?span=7d": ".decisions .line",
			fmt.Sprintf("#/t/shop-web?from=%s&to=%s", hours(50), hours(44)): ".decisions .line",
		} {
			b.open("about:blank")
			b.open(s.url(hash))
			poll(t, hash+" is there", func() bool { return b.count(there) > 0 })
			seen := s.feeder.heardOf()
			poll(t, "data arrive", func() bool { return s.feeder.heardOf() > seen+2 })
			if shifted := script[float64](b, "window.shifted"); shifted > 0.02 {
				t.Errorf("%s shifted by %.3f: %s", hash, shifted, script[string](b, "window.shifters.join(' | ')"))
			}
		}
	})
}

func (b *browser) hash() string {
	b.t.Helper()
	return script[string](b, "location.hash")
}

// TestWalkPauseAndResume uses nothing but keys.
func TestWalkPauseAndResume(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, h := remembering(t)
		s.play(100)
		stop := s.live()
		defer stop()
		b.open(s.url("#/t/shop-web"))
		b.sees(".decisions", "requestRate")
		b.key("p")
		b.sees("#mode", "Pause shop-web?", "What will happen", "changes nothing", "ends by itself", "The log of shop-web will show that you did it")
		for range 12 { // the keyboard stays inside
			b.key(kb.Tab)
			if at := script[string](b, "document.activeElement.closest('dialog')?.id ?? document.activeElement.tagName"); at != "mode" && at != "BODY" {
				t.Fatalf("the focus is at %q, want inside the dialog", at)
			}
		}
		b.usable(sc, "pause")
		b.key(kb.Escape)
		poll(t, "Esc closes the dialog", func() bool { return b.count("dialog") == 0 })
		if did := h.done(); len(did) > 0 {
			t.Fatalf("a dialog that was left did %q", did)
		}

		b.key("p")
		b.sees("#mode", "Pause shop-web?")
		if on := script[string](b, "document.activeElement.parentNode.innerText"); !strings.HasPrefix(on, "Paused") {
			t.Errorf("the focus starts at %q, want the choice that is proposed", on)
		}
		b.key(kb.Tab)
		b.key(kb.ArrowRight) // 15 min → 1 h
		b.sees("#mode", "in 1 h")
		b.key(kb.Tab)
		for _, r := range "deploying" {
			b.key(string(r))
		}
		b.key(kb.Enter)
		b.sees("#override", "Paused by dashboard since", "left", "“deploying”", "Decisions are made and shown, not carried out")
		b.sees(".mode", "Paused", "Resume…")
		b.sees(".decisions", "mode changed by dashboard: now Paused")
		b.usable(sc, "paused")

		b.key("p")
		b.sees("#mode", "Give shop-web back to its document?", "What was set by hand ends", "Resume: Apply")
		b.key(kb.Enter)
		poll(t, "the banner goes", func() bool { return b.count("#override") == 0 })
		b.sees(".mode", "Apply", "Pause…")
		b.sees(".decisions", "now Apply")
		if got := strings.Join(h.done(), ", "); got != "shop-web: Paused, shop-web: Apply" {
			t.Errorf("done: %s", got)
		}
		b.clean(s.address)
	})
}

// TestWalkModes uses the mouse, or a finger.
func TestWalkModes(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, h := remembering(t)
		s.play(60)
		stop := s.live()
		defer stop()
		b.open(s.url("#/t/shop-web"))
		b.sees(".decisions", "requestRate")
		b.click(".mode .button:nth-of-type(2)")
		b.sees("#mode", "Apply (now)", "nothing will change")
		b.click("#mode fieldset:first-of-type label:nth-of-type(2) input")
		b.sees("#mode", "Only recommend for shop-web?", "It holds until somebody changes it", "also over a restart")
		b.click("#mode .primary")
		b.sees("#override", "Set to Recommend by dashboard", "until somebody ends it")

		b.click(".mode .button:nth-of-type(1)") // Pause… until a time
		b.click("#mode .pause label:nth-of-type(3) input")
		b.fill("#until", "2001-01-01T00:00")
		b.sees("#until-wrong", "must end in the future")
		if !script[bool](b, `document.querySelector("#mode .primary").disabled`) {
			t.Error("a pause that ended long ago can be asked for")
		}
		b.fill("#until", clock.System.Now().Add(26*time.Hour).UTC().Format("2006-01-02T15:04"))
		b.sees("#mode", "ends by itself", "in 25 h")
		b.usable(sc, "pause-until")
		b.click("#mode .primary")
		b.sees("#override", "Paused by dashboard", "25 h left")
		if got := strings.Join(h.done(), ", "); got != "shop-web: Recommend, shop-web: Paused" {
			t.Errorf("done: %s", got)
		}
		b.clean(s.address)
	})
}

// fill sets what a field holds, as a date picker would.
func (b *browser) fill(selector, value string) {
	b.t.Helper()
	script[bool](b, `(e => { e.value = %q; return e.dispatchEvent(new Event("input", { bubbles: true })) })(document.querySelector(%q))`, value, selector)
}

func TestWalkActionRefused(t *testing.T) {
	b := newBrowser(t)
	b.before(screens()[0])
	s := open(t, "", demo())
	s.play(30)
	b.open(s.url("#/t/shop-web"))
	b.sees(".decisions", "requestRate")
	b.key("p")
	b.click("#mode .primary")
	b.sees("#until-wrong", "Refused: this instance only shows")
	b.shoot("walk-refused-wide-light")
	s.close()
	b.click("#mode .primary")
	b.sees("#until-wrong", "Flyball does not answer: nothing was changed")
	b.clean(s.address, "405", "net::ERR_")
}
