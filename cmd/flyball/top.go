package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
)

type topFlags struct {
	remoteFlags
	once bool
}

func newTopCommand() *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top [TARGET]",
		Short: "A live view of all targets in the terminal",
		Long: `Shows every target, or one with the trail of its newest decision, and follows
them as they change. Keys: j k or arrows move, enter opens, p pauses or
resumes (it asks), q goes back and ends, ? helps. Where standard output is no
terminal, or with --once, it prints one table and ends.`,
		Example: `  flyball top
  flyball top shop-web
  flyball top --once`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return mend(f.run(cmd, args)) },
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.once, "once", false, "print one table and end")
	return cmd
}

func (f *topFlags) run(cmd *cobra.Command, args []string) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	one := ""
	if len(args) == 1 {
		one = client.Named(args[0])
	}
	out, live := cmd.OutOrStdout().(*os.File)
	live = live && !f.once && !f.json && term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) && os.Getenv("TERM") != "dumb"
	if !live {
		return f.table(cmd.Context(), cmd.OutOrStdout(), c, one)
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	t := &topView{open: one, color: os.Getenv("NO_COLOR") == "", server: c.Server()}
	screen, err := openScreen(os.Stdin, out)
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer screen.close()
	return unlessInterrupted(ctx, newTopLoop(c, t, screen).run(ctx))
}

// table prints every target, or one, once.
func (f *topFlags) table(ctx context.Context, out io.Writer, c *client.Client, one string) error {
	overview, err := c.Targets(ctx)
	if err != nil {
		return err
	}
	if one != "" {
		detail, err := c.Target(ctx, one)
		if err != nil {
			return err
		}
		overview.Targets = []client.Target{detail.Target}
	}
	if f.json {
		return writeJSON(out, overview)
	}
	printLines(out, targetTable(overview.Targets, overview.Now.Time, cli.KnownWidth(out))...)
	return nil
}

// refreshPause is the least time between two looks: every target sends a
// message each second.
const refreshPause = 500 * time.Millisecond

// topLoop keeps the view in step with the instance and the keyboard. The
// stream only says that something happened; then the state is asked for as a
// whole, so that a lost message or a restarted instance leaves nothing wrong
// on the screen. The loop itself never waits for the instance: keys work while
// it hangs, and Ctrl-C ends what is still asked.
type topLoop struct {
	client *client.Client
	view   *topView
	screen *screen
	dirty  chan struct{} // something happened
	stream chan error    // the stream ended
	looks  chan look     // answers of the instance
	acts   chan string   // what became of what the person asked for

	running sync.WaitGroup
	looking bool // one look at a time
	again   bool // and another one after it
	seen    bool // the instance has answered
}

func newTopLoop(c *client.Client, v *topView, s *screen) *topLoop {
	return &topLoop{client: c, view: v, screen: s, dirty: make(chan struct{}, 1), stream: make(chan error, 1), looks: make(chan look), acts: make(chan string)}
}

func (l *topLoop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer l.running.Wait()
	defer cancel()
	l.look(ctx)
	ticker := clock.System.NewTicker(time.Second)
	defer ticker.Stop()
	var due <-chan time.Time
	for {
		l.draw()
		select {
		case <-ctx.Done():
			return nil
		case key, open := <-l.screen.keys:
			if !open || l.key(ctx, key) {
				return nil
			}
		case <-l.dirty:
			if due == nil {
				due = clock.System.After(refreshPause)
			}
		case <-due:
			due = nil
			l.look(ctx)
		case found := <-l.looks:
			if err := l.show(ctx, found); err != nil {
				return err
			}
		case note := <-l.acts:
			l.view.note = note
			l.soil()
		case err := <-l.stream:
			l.view.lost = true
			if l.hopeless(err) {
				return err
			}
		case <-ticker.C: // the window may have another size, and ages grow
		}
	}
}

// follow marks the view dirty whenever something happens, and connects again
// when the stream breaks.
func (l *topLoop) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.client.Stream(ctx, "", "", func(client.Message) error {
			l.soil()
			return nil
		})
		select {
		case l.stream <- err:
		case <-ctx.Done():
			return
		}
		select {
		case <-clock.System.After(time.Second):
			l.soil() // the first thing to learn is whether it is back
		case <-ctx.Done():
		}
	}
}

func (l *topLoop) soil() {
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// hopeless errors do not go away by trying again.
func (l *topLoop) hopeless(err error) bool {
	return errors.Is(err, client.ErrUnauthorized) || errors.Is(err, client.ErrRefused)
}

// look is what the instance answered.
type look struct {
	overview client.Overview
	err      error
	open     string // the target that was asked for
	detail   []string
	gone     error // why there is no such target
}

// look asks for everything that is shown; the answer comes to looks.
func (l *topLoop) look(ctx context.Context) {
	if l.looking {
		l.again = true
		return
	}
	l.looking = true
	open := l.view.open
	l.running.Go(func() {
		found := l.ask(ctx, open)
		select {
		case l.looks <- found:
		case <-ctx.Done():
		}
	})
}

func (l *topLoop) ask(ctx context.Context, open string) look {
	found := look{open: open}
	if found.overview, found.err = l.client.Targets(ctx); found.err != nil || open == "" {
		return found
	}
	e, err := (&explainFlags{}).explain(ctx, l.client, open)
	switch {
	case errors.Is(err, client.ErrNotFound):
		found.gone = err
	case err != nil:
		found.detail = []string{oneLine(err.Error())}
	default:
		found.detail = detailLines(e)
	}
	return found
}

// show puts an answer into the view. An error ends it: one that does not go
// away, or that nothing could ever be shown.
func (l *topLoop) show(ctx context.Context, found look) error {
	l.looking = false
	if l.again {
		l.again = false
		l.look(ctx)
	}
	v := l.view
	if found.err != nil {
		v.lost = true
		if !l.seen || l.hopeless(found.err) {
			return found.err
		}
		return nil
	}
	if !l.seen {
		l.seen = true
		l.running.Go(func() { l.follow(ctx) })
	}
	v.lost, v.overview = false, found.overview
	v.keepSelection()
	switch {
	case found.open != v.open: // another one was opened meanwhile
	case found.gone != nil:
		v.note, v.open = found.gone.Error(), ""
	case v.open != "":
		v.detail = found.detail
	}
	return nil
}

// key acts on a key; true ends the view.
func (l *topLoop) key(ctx context.Context, key string) bool {
	v := l.view
	if key == "ctrl-c" {
		return true
	}
	if v.question != nil {
		ask := v.question
		v.question = nil
		if key == "y" {
			l.act(ctx, ask)
		}
		return false
	}
	v.note = ""
	switch key {
	case "q", "esc":
		return !v.back()
	case "j", "down":
		v.move(1)
	case "k", "up":
		v.move(-1)
	case "?":
		v.help = !v.help
	case "enter":
		if v.open == "" && v.selected != "" {
			v.open, v.scroll, v.detail = v.selected, 0, []string{"…"}
			l.look(ctx)
		}
	case "p":
		v.question = l.pauseQuestion()
	}
	return false
}

// act does what the person said yes to; what became of it comes to acts.
func (l *topLoop) act(ctx context.Context, q *question) {
	l.view.note = "…"
	l.running.Go(func() {
		note := q.act(ctx)
		select {
		case l.acts <- note:
		case <-ctx.Done():
		}
	})
}

// question waits for y; every other key means no.
type question struct {
	text string
	act  func(context.Context) string // returns what to show
}

// pauseQuestion asks whether to pause what is selected, or to resume it.
func (l *topLoop) pauseQuestion() *question {
	t := l.view.current()
	if t == nil {
		return nil
	}
	name := t.Name
	if t.Override != nil {
		return &question{"take back " + string(t.Mode) + " of " + name + ", so that the document holds? y/N", func(ctx context.Context) string {
			if _, err := l.client.ClearMode(ctx, name); err != nil {
				return err.Error()
			}
			return name + " is as its document says"
		}}
	}
	return &question{"pause " + name + " until it is resumed? y/N", func(ctx context.Context) string {
		if _, err := l.client.SetMode(ctx, name, client.SetMode{Mode: "Paused", Reason: "flyball top"}); err != nil {
			return err.Error()
		}
		return name + " is paused"
	}}
}

func (l *topLoop) draw() {
	width, height := l.screen.size()
	l.screen.show(l.view.lines(width, height, clock.System.Now()))
}
