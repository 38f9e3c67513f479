package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp/kb"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// thousand is a site of a thousand targets, every hundredth of which breaks
// its objective.
func thousand(t *testing.T) *site {
	t.Helper()
	infos := make([]web.TargetInfo, 1000)
	for i := range infos {
		infos[i] = demo()
		infos[i].Name, infos[i].Sync = fmt.Sprintf("service-%04d", i), time.Hour // not stale before the test is over
		if i%50 == 3 {
			infos[i].Mode = scale.Paused
		}
	}
	s := open(t, "", infos...)
	for i := range infos {
		bad := 0.0
		if i%100 == 99 {
			bad = 0.5
		}
		r := seen(clock.System.Now(), float64(i), bad)
		r.Target = infos[i].Name
		if err := control.Reports(s.bus, r.Target).Publish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 { // the bus drops what nobody takes
			s.feeder.name = r.Target
			s.heard(1, r.At)
		}
	}
	return s
}

func TestWalkThousandTargets(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s := thousand(t)
		b.open(s.url(""))
		b.sees("#answer", "10 of 1,000 targets in trouble: service-0099, service-0199, service-0299, service-0399 and 6 more")
		b.sees("#work", "Flyball changes nothing at present", "20 targets paused")
		b.sees(".rows li:first-child", "service-0099", "objective broken")
		b.usable(sc, "thousand")
		if n := b.count(".rows li"); n > 60 {
			t.Errorf("%d rows are drawn at once, want those in sight", n)
		}
		b.mu.Lock()
		asked := strings.Count(strings.Join(b.requests, "\n"), "/series?")
		b.mu.Unlock()
		if asked > 60 {
			t.Errorf("%d lines of load were asked for, want those in sight", asked)
		}
		script[int](b, "scrollTo(0, document.documentElement.scrollHeight), 1")
		b.sees(".rows li:last-child", "service-0998")
		script[int](b, "scrollTo(0, 0), 1")

		for range 30 { // beyond what was drawn
			b.key("j")
		}
		b.key("k")
		poll(t, "the keyboard is at the 29th line", func() bool {
			return script[string](b, "document.activeElement.closest('li')?.dataset.index ?? ''") == "28"
		})
		b.key("2")
		poll(t, "only those in trouble", func() bool { return b.count(".rows li") == 10 })
		b.key("3")
		b.sees(".rows li:first-child", "service-0003", "Paused")
		b.key("1")
		b.key("/")
		for _, r := range "0777" {
			b.key(string(r))
		}
		poll(t, "one is found", func() bool { return b.count(".rows li") == 1 && strings.HasSuffix(b.hash(), "q=0777") })
		b.key(kb.Enter)
		b.sees("h1", "service-0777")
		script[int](b, "history.back(), 1")
		b.sees(".rows", "service-0777") // the search is part of the address
		b.key(kb.Escape)
		script[bool](b, `(e => { e.value = "requests"; return e.dispatchEvent(new Event("change", { bubbles: true })) })(document.querySelector(".sort select"))`)
		b.sees(".rows li:first-child", "service-0999", "999/s")
		b.key("/")
		b.key("!")
		b.sees(".none", "No target here contains “!”")
		b.clean(s.address)

		s.close()
		b.sees("#disconnected", "Disconnected since")
		if b.count(".overview.stale") != 1 {
			t.Error("old numbers do not look old")
		}
	})
}

func TestWalkEvents(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		s, _ := remembering(t)
		b.open(s.url("#/events"))
		b.sees(".none", "No event yet")
		b.usable(sc, "noevents")
		at := clock.System.Now().Add(-3 * time.Hour)
		for i, e := range []record.Event{
			{Type: "ControllerStarted", Message: "v1.2.3"},
			{Type: "FaultBegan", Target: "shop-web", Message: "prometheus: connection refused"},
			{Type: "FaultEnded", Target: "shop-web", Message: "prometheus answers again"},
			{Type: "ModeChanged", Target: "shop-web", By: "alice", Message: "Paused for 15 min: deploying"},
			{Type: "ReloadRefused", By: "bob", Message: "shop.yaml: spec.replicas.max: must be at least min"},
		} {
			e.At = at.Add(time.Duration(i) * time.Minute)
			if err := s.feeder.store.Write(t.Context(), record.Batch{Entries: []record.Entry{{Target: e.Target, At: e.At, Event: &e}}}); err != nil {
				t.Fatal(err)
			}
			if err := control.Events(s.bus, e.Target).Publish(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		b.sees(".events", "reload refused", "by bob", "mode changed", "Paused for 15 min", "by alice", "fault began", "Flyball started") // as they happen
		b.usable(sc, "events-full")
		b.pick("#event-type", "ModeChanged")
		poll(t, "one type", func() bool { return b.count(".events .event") == 1 })
		b.pick("#event-target", "shop-web")
		b.sees("h1", "events of shop-web")
		b.pick("#event-type", "")
		poll(t, "of one target", func() bool { return b.count(".events .event") == 3 })
		if want := "#/events?target=shop-web"; b.hash() != want {
			t.Errorf("the address is %s, want %s", b.hash(), want)
		}
		b.key("/")
		for _, r := range "alice" {
			b.key(string(r))
		}
		poll(t, "one is found", func() bool { return b.count(".events .event") == 1 })
		b.click(".events a")
		b.sees(".window", "Past") // the charts of that instant
		b.sees(".decisions", "mode changed by alice: Paused for 15 min")
		b.key("4")
		poll(t, "the log shows events alone", func() bool { return b.count(".decisions .line") == 0 && b.count(".decisions .event") > 0 })
		b.clean(s.address)
	})
}

// pick chooses from a list.
func (b *browser) pick(selector, value string) {
	b.t.Helper()
	script[bool](b, `(e => { e.value = %q; return e.dispatchEvent(new Event("change", { bubbles: true })) })(document.querySelector(%q))`, value, selector)
}

func TestWalkLogin(t *testing.T) {
	testenv.Long(t)
	onEveryScreen(t, func(t *testing.T, b *browser, sc screen) {
		const secret = "a-token-of-some-length"
		s := openWith(t, "", web.Options{Targets: []web.TargetInfo{demo()}, Tokens: []web.Token{web.NewToken("alice", secret)}})
		b.open(s.url(""))
		b.sees("form", "Token", "Log in")
		b.usable(sc, "login")
		b.typeInto("#token", secret)
		b.key(kb.Enter)
		b.sees(".charts", "Waiting for the first measurement")
		b.sees(".foot", "alice: log out")

		// A session that ends while the page is open.
		call(b, network.ClearBrowserCookies, cdp.Empty{})
		b.open(s.url("#/events"))
		b.sees("#login", "Token", "asks for a token")
		b.usable(sc, "locked")
		b.typeInto("#token", "wrong-"+secret)
		b.key(kb.Enter)
		b.sees("#token-wrong", "not known")
		b.typeInto("#token", secret)
		b.key(kb.Enter)
		b.sees("h1", "events")
		b.click(".foot .link")
		b.sees("form", "Token", "Log in")
		b.clean(s.address, "401")
	})
}

// typeInto replaces what a field holds, key by key.
func (b *browser) typeInto(selector, text string) {
	b.t.Helper()
	script[bool](b, `(e => { e.focus(); e.value = ""; return true })(document.querySelector(%q))`, selector)
	for _, r := range text {
		b.key(string(r))
	}
}
