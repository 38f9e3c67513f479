package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// On a terminal the line is written over and never scrolls, however long it is
// and whatever width the terminal has.
func TestProgressOnATerminalNeverScrolls(t *testing.T) {
	out := &strings.Builder{}
	width := 10
	p := &Progress{out: out, terminal: true, width: func() int { return width }}
	p.Show(time.Second, "12345678901234567890")
	width = 5
	p.Show(2*time.Second, "äöüäöü\nsecond")
	p.Show(3*time.Second, "a\nb")
	p.Done()
	p.Done()
	const want = "\r\x1b[J123456789" + "\r\x1b[Jäöüä\nseco" + "\x1b[1A\r\x1b[Ja\nb" + "\x1b[1A\r\x1b[J"
	if out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestProgressElsewhereIsWrittenEveryTenSeconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := NewProgress(f)
	for s := range 25 {
		p.Show(time.Duration(s+1)*time.Second, strings.Repeat("x", s+1)+"\nand a second service")
	}
	p.Done()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("x", 10) + "\nand a second service\n" + strings.Repeat("x", 20) + "\nand a second service\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
