package workload

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits on what is read, so that a wrong file is refused instead of filling
// the memory.
const (
	maxLine = 1024             // bytes
	maxRows = 10_000_000       // 115 days in seconds
	maxTime = 10 * 365 * 86400 // seconds
	maxRate = 1e9              // requests per second
)

// Headers of the kinds of trace files.
const (
	timeColumn     = "t_seconds"
	rateHeader     = timeColumn + "," + RequestRate
	requestsHeader = timeColumn + ",input_tokens,output_tokens"
)

// usage reports whether a column holds usage of a service, which rises and
// falls with the requests that nobody counted.
func usage(column string) bool { return column == "cpu_percent" || column == "busy_cores" }

// Open reads the trace file at path with [Read].
func Open(path string) (Shape, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("trace %s: is a directory: must be a CSV file, plain or gzipped", path)
	}
	return Read(path, f)
}

// OpenTrace reads the trace file at path as rates; single requests are
// counted in bins of one second.
func OpenTrace(path string) (*Trace, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	if r, ok := s.(*Requests); ok {
		if r.length > maxRows*time.Second {
			return nil, fmt.Errorf("trace %s: lasts %v: must be at most %d s to be counted per second", path, r.length, maxRows)
		}
		return r.Binned(time.Second), nil
	}
	return s.(*Trace), nil
}

// Read reads a trace file, plain or gzipped (told by its content), and
// returns a *Trace or a *Requests. Its first line says which:
//
//	t_seconds,requests_per_second          mean rate from t_seconds on, one row per bin
//	t_seconds,input_tokens,output_tokens   one row per request
//	t_seconds,cpu_percent                  usage instead of a rate, or busy_cores: see [Trace.Quantity]
//
// Times are in seconds from 0. The width of a bin is the usual distance of
// two rows, their median; where the next row is more than one and a half of it away, the
// rows between were left out by the source and there is a gap. Errors give
// name, line, what is wrong and what is allowed.
func Read(name string, r io.Reader) (Shape, error) {
	lines, err := newLineReader(name, r)
	if err != nil {
		return nil, err
	}
	header, err := lines.header()
	if err != nil {
		return nil, err
	}
	column, _ := strings.CutPrefix(header, timeColumn+",")
	switch {
	case column == RequestRate || usage(column):
		return readRates(lines, column)
	case header == requestsHeader:
		return readRequests(lines)
	default:
		return nil, lines.fault("the header is %.30q: must be %q or, for single requests, %q (or usage: cpu_percent, busy_cores)", header, rateHeader, requestsHeader)
	}
}

// lineReader hands out the lines of a file and words the faults in it.
type lineReader struct {
	name string
	scan *bufio.Scanner
	line int
}

// newLineReader looks at the first bytes to tell whether r is gzipped.
func newLineReader(name string, r io.Reader) (*lineReader, error) {
	in := bufio.NewReader(r)
	l := &lineReader{name: name}
	var plain io.Reader = in
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, l.broken(err)
		}
		plain = unzipped
	}
	l.scan = bufio.NewScanner(plain)
	l.scan.Buffer(nil, maxLine)
	// What stands before the place where reading failed is half a line: not
	// the line, but the failure is what is wrong.
	l.scan.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		return bufio.ScanLines(data, atEOF && l.scan.Err() == nil)
	})
	return l, nil
}

func (l *lineReader) fault(format string, args ...any) error {
	return fmt.Errorf("trace %s line %d: %s", l.name, max(1, l.line), fmt.Sprintf(format, args...))
}

func (l *lineReader) header() (string, error) {
	text, err := l.next()
	if errors.Is(err, io.EOF) {
		return "", l.fault("the file is empty: must begin with %q", rateHeader)
	}
	return strings.TrimPrefix(text, "\ufeff"), err
}

// next returns the next line that is not blank, without its line end, or
// io.EOF.
func (l *lineReader) next() (string, error) {
	for l.scan.Scan() {
		l.line++
		if text := strings.TrimSpace(l.scan.Text()); text != "" {
			return text, nil
		}
	}
	l.line++
	if err := l.scan.Err(); err != nil {
		return "", l.broken(err)
	}
	return "", io.EOF
}

// broken words what went wrong while reading.
func (l *lineReader) broken(err error) error {
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return l.fault("longer than %d bytes: must be a CSV file with the header %q", maxLine, rateHeader)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return l.fault("the gzip file is cut off")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return l.fault("the gzip file is damaged: %v", err)
	default:
		return l.fault("%v", err)
	}
}

// row returns the fields of the next line, its time first, or io.EOF.
func (l *lineReader) row(columns ...string) ([]float64, error) {
	text, err := l.next()
	if err != nil {
		return nil, err
	}
	fields := strings.Split(text, ",")
	if len(fields) != len(columns) {
		return nil, l.fault("%d fields: must be %d (%s)", len(fields), len(columns), strings.Join(columns, ","))
	}
	row := make([]float64, len(fields))
	for i, field := range fields {
		row[i], err = strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil || math.IsNaN(row[i]) || math.IsInf(row[i], 0) {
			return nil, l.fault("%s: %.40q is not a number", columns[i], field)
		}
		if row[i] < 0 {
			return nil, l.fault("%s: %v is negative: must be 0 or more", columns[i], row[i])
		}
	}
	if row[0] > maxTime {
		return nil, l.fault("t_seconds: %v is over ten years: must be seconds from the start of the trace", row[0])
	}
	return row, nil
}

func readRates(lines *lineReader, column string) (Shape, error) {
	var starts, rates []float64
	for {
		row, err := lines.row(timeColumn, column)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch n := len(starts); {
		case n == 0 && row[0] != 0:
			return nil, lines.fault("t_seconds: the first row is at %v: must be at 0", row[0])
		case n > 0 && row[0] <= starts[n-1]:
			return nil, lines.fault("t_seconds: %v comes after %v: must rise from row to row", row[0], starts[n-1])
		case row[1] > maxRate:
			return nil, lines.fault("%s: %v: must be at most %v", column, row[1], maxRate)
		case n >= maxRows:
			return nil, lines.fault("more than %d rows", maxRows)
		}
		starts, rates = append(starts, row[0]), append(rates, row[1])
	}
	if len(starts) < 2 {
		return nil, lines.fault("%d rows: must be at least 2, their distance is the width of a bin", len(starts))
	}
	bins, length := binsOf(starts, rates, usualStep(starts))
	return newTrace(Trace{name: lines.name, quantity: column, scale: 1}, bins, length), nil
}

// FromRows returns the trace of rows: when each begins, rising, and its
// requests per second. The first begins at 0. Their widths, and gaps, follow
// from their distances and the usual one, step, as [Read] says; a step of 0
// is that of the rows ([UsualStep]).
func FromRows(name string, starts []time.Duration, rates []float64, step time.Duration) (*Trace, error) {
	if len(starts) < 2 || len(starts) != len(rates) {
		return nil, fmt.Errorf("trace %s: %d rows with %d rates: must be at least 2, their distance is the width of a bin", name, len(starts), len(rates))
	}
	seconds := make([]float64, len(starts))
	for i, start := range starts {
		if i > 0 && start <= starts[i-1] {
			return nil, fmt.Errorf("trace %s: a row at %v after one at %v: must rise", name, start, starts[i-1])
		}
		seconds[i] = (start - starts[0]).Seconds()
	}
	width := step.Seconds()
	if step == 0 {
		width = usualStep(seconds)
	}
	bins, _ := binsOf(seconds, rates, width)
	return NewTrace(name, bins)
}

// binsOf gives every row its width: up to the next row, or one usual step
// before a gap and at the end.
func binsOf(starts, rates []float64, step float64) (bins []Bin, length time.Duration) {
	bins = make([]Bin, len(starts))
	for i, start := range starts {
		end := start + step
		if i+1 < len(starts) && starts[i+1] <= start+1.5*step {
			end = starts[i+1]
		}
		at := fromSeconds(start)
		bins[i] = Bin{At: at, Width: fromSeconds(end) - at, RPS: rates[i]}
	}
	last := bins[len(bins)-1]
	return bins, last.At + last.Width
}

// UsualStep returns the usual distance of rows, of which there must be two.
func UsualStep(starts []time.Duration) time.Duration { return usualStep(starts) }

// usualStep is the median of the distances; of the two in the middle the
// shorter, since rows are left out, and never too many.
func usualStep[T time.Duration | float64](starts []T) T {
	steps := make([]T, len(starts)-1)
	for i := range steps {
		steps[i] = starts[i+1] - starts[i]
	}
	slices.Sort(steps)
	return steps[(len(steps)-1)/2]
}

func readRequests(lines *lineReader) (Shape, error) {
	records := []Request{}
	for {
		row, err := lines.row("t_seconds", "input_tokens", "output_tokens")
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		at := fromSeconds(row[0])
		switch n := len(records); {
		case n > 0 && at < records[n-1].At:
			return nil, lines.fault("t_seconds: %v comes after %v: must not go back", row[0], records[n-1].At.Seconds())
		case row[1] > maxRate || row[2] > maxRate:
			return nil, lines.fault("tokens: must be at most %v", maxRate)
		case n >= maxRows:
			return nil, lines.fault("more than %d rows", maxRows)
		}
		records = append(records, Request{At: at, InputTokens: int(row[1]), OutputTokens: int(row[2])})
	}
	if len(records) == 0 {
		return nil, lines.fault("no rows: must be at least one request")
	}
	return newRequests(lines.name, records), nil
}
