package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// plainEvery is how often progress is told where there is no terminal.
const plainEvery = 10 * time.Second

// Progress shows how long work is doing: on a terminal in one line that is
// written over and never scrolls, elsewhere in a line every ten seconds. It
// has one owner.
type Progress struct {
	out      io.Writer
	terminal bool
	width    func() int
	shown    bool
	last     time.Duration
}

// NewProgress returns progress that is shown on f.
func NewProgress(f *os.File) *Progress {
	fd := int(f.Fd())
	return &Progress{
		out:      f,
		terminal: term.IsTerminal(fd) && os.Getenv("TERM") != "dumb",
		width: func() int {
			if width, _, err := term.GetSize(fd); err == nil && width > 0 {
				return width
			}
			return 80
		},
	}
}

// Show tells text, the state after elapsed time. It must be one line.
func (p *Progress) Show(elapsed time.Duration, text string) {
	if !p.terminal {
		if elapsed-p.last >= plainEvery-plainEvery/20 {
			p.last = elapsed
			fmt.Fprintln(p.out, text)
		}
		return
	}
	// One column stays free: some terminals wrap as soon as the last is filled.
	if runes, room := []rune(text), p.width()-1; len(runes) > room {
		text = string(runes[:room])
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
	p.shown = true
}

// Done wipes the line on a terminal, so that what follows starts on a clean
// one.
func (p *Progress) Done() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
