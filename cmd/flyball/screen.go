package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen is the terminal while a live view has it: the alternate screen, no
// cursor, keys one by one.
type screen struct {
	in, out *os.File
	before  *term.State
	keys    chan string // closed when the keyboard is gone
}

func openScreen(in, out *os.File) (*screen, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	s := &screen{in: in, out: out, before: before, keys: make(chan string)}
	fmt.Fprint(out, "\x1b[?1049h\x1b[?25l")
	// Reading ends with the program: a terminal cannot be asked to stop.
	go s.read()
	return s, nil
}

// close gives the terminal back as it was.
func (s *screen) close() {
	fmt.Fprint(s.out, "\x1b[?25h\x1b[?1049l")
	_ = term.Restore(int(s.in.Fd()), s.before) // nobody to tell
}

// size is 80 by 24 where the terminal does not say.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// show replaces what is on the screen, line by line so that it never flickers.
func (s *screen) show(lines []string) {
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line)
		b.WriteString("\x1b[K")
	}
	b.WriteString("\x1b[J")
	fmt.Fprint(s.out, b.String())
}

// read sends the names of keys.
func (s *screen) read() {
	defer close(s.keys)
	in := bufio.NewReader(s.in)
	for {
		r, _, err := in.ReadRune()
		if err != nil {
			return
		}
		s.keys <- keyName(r, in)
	}
}

// keyName names a key; arrows come as three bytes in one piece.
func keyName(r rune, in *bufio.Reader) string {
	switch r {
	case 3:
		return "ctrl-c"
	case '\r', '\n':
		return "enter"
	case 0x1b:
		if in.Buffered() < 2 {
			return "esc"
		}
		sequence := make([]byte, 2)
		if _, err := in.Read(sequence); err != nil {
			return "esc"
		}
		switch string(sequence) {
		case "[A", "OA":
			return "up"
		case "[B", "OB":
			return "down"
		}
		return ""
	}
	return string(r)
}
