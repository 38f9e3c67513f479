package workload

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Writer writes a trace file as [Read] reads it, row by row, so that a trace
// need not fit into the memory. It checks what Read would refuse.
type Writer struct {
	out  *bufio.Writer
	row  []byte
	rows int
	last time.Duration
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: bufio.NewWriterSize(w, 64<<10)}
}

// Row writes when a bin begins, from 0 on and rising, and its requests per
// second. A bin that was not recorded is left out.
func (w *Writer) Row(at time.Duration, rps float64) error {
	switch {
	case w.rows == 0 && at != 0:
		return fmt.Errorf("trace: the first row is at %v: must be at 0", at)
	case w.rows > 0 && at <= w.last:
		return fmt.Errorf("trace: a row at %v after one at %v: must rise", at, w.last)
	case !(rps >= 0 && rps <= maxRate):
		return fmt.Errorf("trace: rate %v at %v: must be 0 to %v", rps, at, maxRate)
	case w.rows >= maxRows:
		return fmt.Errorf("trace: more than %d rows", maxRows)
	}
	if w.rows == 0 {
		if _, err := w.out.WriteString(rateHeader + "\n"); err != nil {
			return err
		}
	}
	w.rows, w.last = w.rows+1, at
	w.row = strconv.AppendFloat(w.row[:0], at.Seconds(), 'f', -1, 64)
	w.row = append(w.row, ',')
	w.row = strconv.AppendFloat(w.row, rps, 'g', 9, 64)
	w.row = append(w.row, '\n')
	_, err := w.out.Write(w.row)
	return err
}

// Flush writes what is still held back. A trace has at least two rows, whose
// distance is the width of a bin.
func (w *Writer) Flush() error {
	if w.rows < 2 {
		return fmt.Errorf("trace: %d rows: must be at least 2, their distance is the width of a bin", w.rows)
	}
	return w.out.Flush()
}
