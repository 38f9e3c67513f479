// Package notify tells people and programs what happens: chats by incoming
// webhooks, programs by signed CloudEvents. It is one more subscriber of the
// bus, so whoever is told slowly, or hangs, delays no decision.
//
//	decisions ─► reasons, what lasts ─┐
//	applied   ─► changes ─────────────┼─► news ─► one outbox per receiver ─► HTTP
//	events    ─► the rest ────────────┘          (waits, sums up, tries again)
package notify

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// Outcomes of news, as they are counted.
const (
	Sent   = "sent"   // told, each by itself
	Summed = "summed" // told as one of a number
	Failed = "failed" // refused by the receiver, or given up
	Lost   = "lost"   // too many waited; their number is told
)

// Outcomes lists all outcomes.
func Outcomes() []string { return []string{Sent, Summed, Failed, Lost} }

// Options say who is told of what.
type Options struct {
	Config Config
	Bus    bus.Bus
	Clock  clock.Clock
	Log    *slog.Logger
	// Count is told what became of news; nil: nobody wants to know.
	Count func(receiver, outcome string, news int)
}

// Notifier hears what happens and tells its receivers.
type Notifier struct {
	opts    Options
	reasons *reasons
	lasting map[string]*lasting // by target
	failing map[string]trouble  // by target: why it could not be scaled, told last
	seen    recently            // news that were told to the senders
	configs chan Config
	ended   chan struct{}

	senders map[string]*sender // by receiver
	running sync.WaitGroup
}

// New returns a notifier; nothing is sent before Run.
func New(o Options) (*Notifier, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if o.Count == nil {
		o.Count = func(string, string, int) {}
	}
	return &Notifier{opts: o, reasons: newReasons(), lasting: map[string]*lasting{}, failing: map[string]trouble{}, seen: newRecently(),
		configs: make(chan Config), ended: make(chan struct{}), senders: map[string]*sender{}}, nil
}

// SetConfig replaces who is told. A receiver of the same name keeps what waits
// for it, wherever it is now. It may be called from any goroutine, also before Run.
func (n *Notifier) SetConfig(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	select {
	case n.configs <- c:
	case <-n.ended:
	}
	return nil
}

const (
	// quiet is how long the end waits for messages under way, lastWord how long
	// receivers have for what waits then.
	quiet    = 100 * time.Millisecond
	lastWord = 5 * time.Second
)

// Run tells until ctx is done, and then what waits, as far as receivers take it
// within five seconds.
func (n *Notifier) Run(ctx context.Context) error {
	defer close(n.ended)
	hearing, deaf := context.WithCancel(context.WithoutCancel(ctx))
	defer deaf()
	ears, err := n.listen(hearing)
	if err != nil {
		return err
	}
	n.take(hearing, n.opts.Config)
	err = n.hear(ctx, ears)
	for _, s := range n.senders {
		close(s.closing)
	}
	n.running.Wait()
	deaf()
	return err
}

// ears are what is heard.
type ears struct {
	decisions <-chan record.Decided
	changes   <-chan record.Applied
	events    <-chan record.Event
}

func (n *Notifier) listen(ctx context.Context) (e ears, err error) {
	var errs [3]error
	e.decisions, errs[0] = control.Decisions(n.opts.Bus, control.All).Subscribe(ctx)
	e.changes, errs[1] = control.Changes(n.opts.Bus, control.All).Subscribe(ctx)
	e.events, errs[2] = control.Events(n.opts.Bus, control.All).Subscribe(ctx)
	return e, errors.Join(errs[:]...)
}

var errDeaf = errors.New("notify: the bus ended the subscription")

// hear takes what comes until nothing more does after ctx is done.
func (n *Notifier) hear(ctx context.Context, e ears) error {
	done := ctx.Done()
	var end <-chan time.Time
	for {
		open := true
		select {
		case d, is := <-e.decisions:
			if open = is; is {
				n.decided(&d)
			}
		case a, is := <-e.changes:
			if open = is; is {
				n.changed(&a)
			}
		case ev, is := <-e.events:
			if open = is; is {
				n.happened(&ev)
			}
		case c := <-n.configs:
			n.take(context.WithoutCancel(ctx), c)
		case <-done:
			done, end = nil, n.opts.Clock.After(quiet)
		case <-end:
			return nil
		}
		if !open {
			return errDeaf
		}
	}
}

// decided keeps why a count is changed, and tells what lasts.
func (n *Notifier) decided(d *record.Decided) {
	n.reasons.add(&d.Decision)
	of := n.lasting[d.Decision.Target]
	if of == nil {
		of = newLasting()
		n.lasting[d.Decision.Target] = of
	}
	for _, e := range of.see(&d.Decision) {
		n.tell(ofEvent(&e))
	}
}

// trouble is a change that failed, told at a time.
type trouble struct {
	text string
	at   time.Time
}

// again is how long the same trouble is not told again.
const again = time.Hour

func (n *Notifier) changed(a *record.Applied) {
	if a.Error == "" {
		delete(n.failing, a.Target)
	}
	if a.From == a.To && a.Error == "" {
		return
	}
	if a.Error != "" {
		// A change that fails is tried with every decision.
		now := trouble{strings.Map(notDigit, a.Error), a.At}
		if was := n.failing[a.Target]; was.text == now.text && a.At.Sub(was.at).Abs() < again {
			return
		}
		n.failing[a.Target] = now
	}
	n.tell(ofChange(a))
}

func notDigit(r rune) rune {
	if '0' <= r && r <= '9' {
		return -1
	}
	return r
}

func (n *Notifier) happened(e *record.Event) {
	switch e.Type {
	case control.ScaledUp, control.ScaledDown, control.ScaleFailed:
		return // told from the change itself, which has the numbers
	case control.ConditionBegan, control.ConditionEnded:
		if of := n.lasting[e.Target]; of != nil {
			of.toldOf(e)
		}
	}
	n.tell(ofEvent(e))
}

// tell hands news to the receivers that want them, each once.
func (n *Notifier) tell(news News) {
	if !n.seen.add(news.ID) {
		return
	}
	for _, s := range n.senders {
		if s.receiver.wants(&news) {
			s.add(news)
		}
	}
}

// take starts and ends senders so that they are those of a configuration.
func (n *Notifier) take(ctx context.Context, c Config) {
	kept := map[string]bool{}
	for _, r := range c.Receivers {
		r = r.withDefaults()
		kept[r.Name] = true
		old := n.senders[r.Name]
		if old != nil && reflect.DeepEqual(old.receiver, r) && old.source == c.Source {
			continue
		}
		s := newSender(r, c.Source, n)
		if old != nil {
			s.inherits(old)
		}
		n.senders[r.Name] = s
		n.running.Go(func() { s.run(ctx) })
	}
	maps.DeleteFunc(n.senders, func(name string, s *sender) bool {
		if !kept[name] {
			close(s.closing)
		}
		return !kept[name]
	})
}
