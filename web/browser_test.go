package web_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/flyball-io/flyball/internal/testenv"
)

// browser is a page in a headless Chromium that keeps account of what it asks
// for and complains of.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
	troubles []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(testenv.Command(t, "chromium")), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("force-color-profile", "srgb"),
	}
	for _, quiet := range []string{
		"disable-background-networking", "disable-quic", "disable-component-update", "disable-sync", "disable-extensions",
		"disable-default-apps", "disable-dev-shm-usage", "metrics-recording-only",
	} {
		options = append(options, chromedp.Flag(quiet, true))
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { cancel(); cancelAllocator() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

// call sends a command of the protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
}

// run performs an action and returns its value.
func run[T any](b *browser, what string, action chromedp.Action[T]) T {
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
	run(b, "open "+address, chromedp.Navigate(address))
}

// key presses a key.
func (b *browser) key(name string) {
	b.t.Helper()
	if len(name) > 1 || name < " " {
		run(b, "press "+name, chromedp.KeyEvent(name))
		return
	}
	// The text goes with the key, so that the page can keep it from being typed.
	call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: name, Text: name})
	call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: name})
}

// box is where an element is on the screen, in CSS pixels.
func (b *browser) box(selector string) (x, y, width, height float64) {
	b.t.Helper()
	r := script[[]float64](b, "(r => [r.x, r.y, r.width, r.height])(document.querySelector(%q).getBoundingClientRect())", selector)
	return r[0], r[1], r[2], r[3]
}

// script evaluates an expression in the page.
func script[T any](b *browser, format string, args ...any) T {
	b.t.Helper()
	expression := fmt.Sprintf(format, args...)
	return run(b, expression, chromedp.Evaluate[T](expression))
}

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

// text returns what a person reads in the first element that matches, empty
// when there is none.
func (b *browser) text(selector string) string {
	b.t.Helper()
	got := script[string](b, "document.querySelector(%q)?.innerText ?? ''", selector)
	return strings.ReplaceAll(got, "\u00a0", " ")
}

func (b *browser) count(selector string) int {
	b.t.Helper()
	return script[int](b, "document.querySelectorAll(%q).length", selector)
}

func (b *browser) click(selector string) {
	b.t.Helper()
	run(b, "click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// sees waits until an element's text holds all of the words.
func (b *browser) sees(selector string, words ...string) {
	b.t.Helper()
	last := ""
	defer func() {
		if b.t.Failed() {
			b.t.Logf("%s says %q", selector, last)
		}
	}()
	poll(b.t, fmt.Sprintf("%s shows %q", selector, words), func() bool {
		last = b.text(selector)
		for _, w := range words {
			if !strings.Contains(last, w) {
				return false
			}
		}
		return last != ""
	})
}

// clean fails the test when the page complained or asked another host.
func (b *browser) clean(host string, forgiven ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		ok := false
		for _, f := range forgiven {
			ok = ok || strings.Contains(trouble, f)
		}
		if !ok {
			b.t.Errorf("the page complains: %s", trouble)
		}
	}
	for _, request := range b.requests {
		if strings.HasPrefix(request, "data:") {
			continue // the browser's own picture in a field for dates: it asks nobody
		}
		if u, err := url.Parse(request); err != nil || u.Host != host {
			b.t.Errorf("the page asked %q, want only %s", request, host)
		}
	}
	if len(b.requests) == 0 {
		b.t.Error("no request was seen: the account is broken")
	}
}

// pixels counts those of a chart that have a colour.
func (b *browser) pixels(chart int, red, green, blue byte) int {
	b.t.Helper()
	return script[int](b, `(c => { const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i] === %d && d[i + 1] === %d && d[i + 2] === %d) n++; return n })(document.querySelectorAll("canvas")[%d])`,
		red, green, blue, chart)
}

func (b *browser) size(width, height int64, mobile bool) {
	b.t.Helper()
	params := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: mobile}
	if mobile {
		params.DeviceScaleFactor = 2
	}
	call(b, emulation.SetDeviceMetricsOverride, params)
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// shoot writes what the page looks like to FLYBALL_SCREENSHOTS.
func (b *browser) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("FLYBALL_SCREENSHOTS")
	if folder == "" {
		folder = b.t.TempDir()
	}
	picture := run(b, "take a picture", chromedp.CaptureScreenshot())
	if len(picture) < 5000 {
		b.t.Errorf("picture %s has %d bytes: the page is empty", name, len(picture))
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
