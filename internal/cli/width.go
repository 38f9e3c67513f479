package cli

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// pipeWidth is how wide a table may be in a file or a pipe.
const pipeWidth = 120

// ScreenWidth is how many columns there are for what is written to w.
func ScreenWidth(w io.Writer) int {
	if width := KnownWidth(w); width > 0 {
		return width
	}
	return pipeWidth
}

// KnownWidth is what COLUMNS says, else the columns of a terminal; 0 for a file
// or a pipe.
func KnownWidth(w io.Writer) int {
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// Wrap breaks text at spaces into lines of at most width columns, all but the
// first indented. A word that is longer stays whole; width 0 breaks nothing.
func Wrap(text string, width, indent int) []string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	var lines []string
	body := strings.TrimLeft(text, " ")
	line, empty := text[:len(text)-len(body)], true
	for word := range strings.FieldsSeq(body) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line, empty = strings.Repeat(" ", indent), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return append(lines, line)
}
