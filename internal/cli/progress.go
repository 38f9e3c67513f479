package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// plainEvery is how often progress is told where there is no terminal.
const plainEvery = 10 * time.Second

// Progress shows how long work is doing: on a terminal in a line or a few that
// are written over and never scroll, elsewhere as it is, every ten seconds. It
// has one owner.
type Progress struct {
	out      io.Writer
	terminal bool
	width    func() int
	lines    int // on the terminal now
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

// Show tells text, the state after elapsed time, in one or a few lines.
func (p *Progress) Show(elapsed time.Duration, text string) {
	lines := strings.Split(text, "\n")
	if !p.terminal {
		if elapsed-p.last >= plainEvery-plainEvery/20 {
			p.last = elapsed
			for _, line := range lines {
				fmt.Fprintln(p.out, strings.Join(Wrap(line, ScreenWidth(p.out), 4), "\n"))
			}
		}
		return
	}
	p.wipe()
	for i, line := range lines {
		// One column stays free: some terminals wrap as soon as the last is filled.
		if runes, room := []rune(line), p.width()-1; len(runes) > room {
			line = string(runes[:max(room, 0)])
		}
		if i > 0 {
			fmt.Fprintln(p.out)
		}
		fmt.Fprint(p.out, line)
	}
	p.lines = len(lines)
}

// wipe takes back what is shown and leaves the cursor where it began.
func (p *Progress) wipe() {
	if p.lines > 1 {
		fmt.Fprintf(p.out, "\x1b[%dA", p.lines-1)
	}
	fmt.Fprint(p.out, "\r\x1b[J")
	p.lines = 0
}

// Done wipes what is shown on a terminal, so that what follows starts on a
// clean line.
func (p *Progress) Done() {
	if p.lines > 0 {
		p.wipe()
	}
}
