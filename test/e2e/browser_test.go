package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/flyball-io/flyball/internal/testenv"
)

// A person who opens the dashboard of the demonstration sees the service, its
// replicas and every decision with its reason, live.
func TestDashboardOfTheDemo(t *testing.T) {
	p := newPlace(t)
	b := p.browser()
	demo := p.start(quickDemo("--duration", "1m", "--peak-rps", "200", "--json")...)
	dashboard := demo.says(0, `dashboard +(http://\S+)`)
	service := demo.says(0, `service +http://(\S+)`)
	b.open(dashboard)
	b.sees("h1", "shop") // the only service is opened at once
	b.sees("body", "predictive (risk 1)", "99 % of requests under 500 ms", "× faster", service)
	b.sees(".numbers", "Requests", "/s", "Latency p95", "ms", "Replicas ready")
	b.sees(".backends tbody", "127.0.0.1:", "ready")
	b.sees(".decisions", "→", "/s now, up to")

	t.Log("the page follows what happens")
	before := b.text(".numbers")
	eventually(t, patience, "the numbers change", func() bool { return b.text(".numbers") != before }, sprint(func() string { return b.text(".numbers") }))
	c := &controller{program: demo, place: p, dashboard: dashboard}
	eventually(t, patience, "the page shows the replicas there are", func() bool {
		ready := c.ready("shop")
		table := b.text(".backends tbody")
		for _, id := range ready {
			if !strings.Contains(table, id) {
				return false
			}
		}
		return len(ready) > 1
	}, sprint(func() []string { return []string{b.text(".backends tbody"), fmt.Sprint(c.ready("shop"))} }))
	b.click(".decisions > li.change .line")
	b.sees(".trail", "forecast", "policy", "behavior", "bounds", "decided")
	b.shoot("demo-dashboard")
	b.clean(strings.TrimPrefix(dashboard, "http://"))

	demo.ends(syscall.SIGINT, 0)
	p.gone()
}

// browser is a page in a headless Chromium that keeps account of what it asks
// for and complains of.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex // guards what follows
	requests []string
	troubles []string
}

func (p *place) browser() *browser {
	p.t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(testenv.Command(p.t, "chromium")), chromedp.UserDataDir(filepath.Join(p.dir, "chromium")),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
	}
	for _, quiet := range []string{
		"disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions",
		"disable-default-apps", "disable-dev-shm-usage", "metrics-recording-only",
	} {
		options = append(options, chromedp.Flag(quiet, true))
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	p.t.Cleanup(func() { cancel(); cancelAllocator() })
	if err := chromedp.Do(ctx); err != nil {
		p.t.Fatalf("start chromium: %v", err)
	}
	b := &browser{t: p.t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		p.t.Fatal(err)
	}
	command(b, network.Enable, network.EnableParams{})
	command(b, log.Enable, cdp.Empty{})
	command(b, runtime.Enable, cdp.Empty{})
	command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1440, Height: 900, DeviceScaleFactor: 1})
	return b
}

// note keeps account.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.troubles = append(b.troubles, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.troubles = append(b.troubles, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// clean fails the test when the page complained or asked another host.
func (b *browser) clean(host string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		b.t.Errorf("the page complains: %s", trouble)
	}
	for _, request := range b.requests {
		if u, err := url.Parse(request); err != nil || u.Host != host {
			b.t.Errorf("the page asked %q, want only %s", request, host)
		}
	}
	if len(b.requests) == 0 {
		b.t.Error("no request was seen: the account is broken")
	}
}

// command sends a command of the browser's protocol.
func command[P, R any](b *browser, c cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, c, params); err != nil {
		b.t.Fatalf("%s: %v", c.Method, err)
	}
}

// act performs an action and returns its value.
func act[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return v
}

func (b *browser) open(address string) {
	b.t.Helper()
	act(b, "open "+address, chromedp.Navigate(address))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	act(b, "click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// text returns what a person reads in the first element that matches, empty
// when there is none.
func (b *browser) text(selector string) string {
	b.t.Helper()
	got := act(b, "read "+selector, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)))
	return strings.ReplaceAll(got, "\u00a0", " ")
}

// sees waits until an element's text holds all of the words.
func (b *browser) sees(selector string, words ...string) {
	b.t.Helper()
	eventually(b.t, patience, fmt.Sprintf("%s shows %q", selector, words), func() bool {
		text := b.text(selector)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}, sprint(func() string { return b.text(selector) }))
}

// shoot writes what the page looks like to FLYBALL_SCREENSHOTS.
func (b *browser) shoot(name string) {
	b.t.Helper()
	picture := act(b, "take a picture", chromedp.CaptureScreenshot())
	if len(picture) < 5000 {
		b.t.Errorf("the picture has %d bytes: the page is empty", len(picture))
	}
	if folder := os.Getenv("FLYBALL_SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}
