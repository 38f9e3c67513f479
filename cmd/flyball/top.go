package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
		one = args[0]
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
	l := &topLoop{client: c, view: t, screen: screen, dirty: make(chan struct{}, 1), stream: make(chan error, 1)}
	return unlessInterrupted(ctx, l.run(ctx))
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
	printLines(out, targetTable(overview.Targets, overview.Now.Time, 0)...)
	return nil
}

// refreshPause is the least time between two looks: every target sends a
// message each second.
const refreshPause = 500 * time.Millisecond

// topLoop keeps the view in step with the instance and the keyboard. The
// stream only says that something happened; then the state is asked for as a
// whole, so that a lost message or a restarted instance leaves nothing wrong
// on the screen.
type topLoop struct {
	client *client.Client
	view   *topView
	screen *screen
	dirty  chan struct{} // something happened
	stream chan error    // the stream ended
}

func (l *topLoop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := l.refresh(ctx); err != nil {
		return err
	}
	go l.follow(ctx)
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
			if err := l.refresh(ctx); err != nil && l.hopeless(err) {
				return err
			}
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

// refresh asks for everything that is shown.
func (l *topLoop) refresh(ctx context.Context) error {
	v := l.view
	overview, err := l.client.Targets(ctx)
	if err != nil {
		v.lost = true
		return err
	}
	v.lost, v.overview = false, overview
	v.keepSelection()
	if v.open == "" {
		return nil
	}
	e, err := (&explainFlags{}).explain(ctx, l.client, v.open)
	switch {
	case errors.Is(err, client.ErrNotFound):
		v.note = err.Error()
		v.open = ""
	case err != nil:
		v.detail = []string{err.Error()}
	default:
		v.detail = detailLines(e)
	}
	return nil
}

// key acts on a key; true ends the view.
func (l *topLoop) key(ctx context.Context, key string) bool {
	v := l.view
	if v.question != nil {
		ask := v.question
		v.question = nil
		if key == "y" {
			v.note = ask.act(ctx)
			l.soil()
		}
		return false
	}
	v.note = ""
	switch key {
	case "ctrl-c":
		return true
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
			if err := l.refresh(ctx); err != nil && l.hopeless(err) {
				v.note = err.Error()
			}
		}
	case "p":
		v.question = l.pauseQuestion()
	}
	return false
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
