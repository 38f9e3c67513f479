package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// screenWidth is what COLUMNS says, else the columns of a terminal; 120 for a
// file or a pipe.
func screenWidth(w io.Writer) int {
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 120
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}
