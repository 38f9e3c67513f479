package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/evaluate/report/reporttest"
)

// Somebody opens report.html from a disk, on a screen and on a phone: it says
// the answer, fits, zooms, and complains of nothing.
func TestReportInTheBrowser(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join(p.dir, "report.html")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	shape := reporttest.Shape{Traces: 3, Policies: 4, Length: 6 * time.Hour, Step: 15 * time.Second}
	if err := report.Write(file, reporttest.New(shape)); err != nil {
		t.Fatal(err)
	}
	b := p.browser()
	for _, s := range []struct {
		name, scheme  string
		width, height int64
	}{{"wide-light", "light", 1440, 900}, {"phone-dark", "dark", 390, 844}} {
		command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.width < 600})
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}})
		b.open("file://" + path)
		b.sees("#answer", "predictive would have cost 31 % less than hpa", "of the requests avoidably broken instead of")
		if over := page[string](b, overlaps); over != "" {
			t.Errorf("%s: words of a frontier lie over others: %s", s.name, over)
		}
		if over := page[string](b, `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll, svg") && e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.className || e.tagName).join()`); over != "" {
			t.Errorf("%s: wider than the screen: %s", s.name, over)
		}
		b.walkReport(t)
		b.shoot("report-" + s.name)
	}
	b.clean("")
}

// overlaps lists the words of pictures that lie over others.
const overlaps = `[...document.querySelectorAll("svg.plot")].flatMap((svg) => {
  const all = [...svg.querySelectorAll("text")].map((e) => [e.textContent, e.getBoundingClientRect()]).filter(([, r]) => r.width > 0);
  return all.flatMap(([a, p], i) => all.slice(i + 1).filter(([, q]) => p.left + 1 < q.right && q.left + 1 < p.right && p.top + 3 < q.bottom && q.top + 3 < p.bottom).map(([b]) => a + " / " + b));
}).join()`

// walkReport zooms with the mouse and the keyboard, and chooses another
// candidate.
func (b *browser) walkReport(t *testing.T) {
	t.Helper()
	const trace = `.trace[data-trace="0"] `
	page[bool](b, `(document.querySelector('.trace .pad').scrollIntoView(), true)`)
	b.sees(trace+".at", "0 to 6 h")
	at := page[[]float64](b, `(r => [r.x, r.y, r.width, r.height])(document.querySelector('.panel.replicas').getBoundingClientRect())`)
	x, y := at[0]+56+(at[2]-66)/2, at[1]+at[3]/2 // the middle of what is plotted
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x+(at[2]-66)/6, y)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, x+(at[2]-66)/6, y)
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, 1)
	b.sees(trace+".at", "3 h to 4 h")
	if a, c := page[string](b, `document.querySelectorAll('.trace .panel.load path')[5]?.outerHTML ?? ""`), b.text(trace+".at"); a == "" {
		t.Errorf("nothing is drawn of %s", c)
	}
	page[bool](b, `document.querySelector('.panel.p95').dispatchEvent(new MouseEvent("dblclick"))`)
	b.sees(trace+".at", "0 to 6 h")

	page[bool](b, `(document.querySelector('.trace .pad').focus(), true)`)
	for _, key := range []string{"+", "ArrowRight"} {
		page[bool](b, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "`+key+`", bubbles: true}))`)
	}
	b.sees(trace+".at", "At 3 h 1 min")
	b.sees(trace+".legend", "predictive", "ms", "demand")

	page[bool](b, `(s => { s.selectedIndex = 1; return s.dispatchEvent(new Event("change")) })(document.querySelector("#candidate"))`)
	shown := page[string](b, `[...document.querySelectorAll('.trace[data-trace="1"] input:checked')].map((i) => i.nextElementSibling.nextElementSibling.innerText).join()`)
	if !strings.Contains(shown, "kpa") || strings.Contains(shown, "predictive") {
		t.Errorf("with kpa chosen the timelines show %s", shown)
	}
	if n := page[int](b, `document.querySelectorAll(".comparison:not([hidden])").length`); n != 1 {
		t.Errorf("%d comparisons are shown, want the one chosen", n)
	}
}

func (b *browser) mouse(kind input.DispatchMouseEventType, x, y float64) {
	b.t.Helper()
	command(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: 1})
}

// page evaluates an expression in the page.
func page[T any](b *browser, expression string) T {
	b.t.Helper()
	return act(b, expression, chromedp.Evaluate[T](expression))
}
