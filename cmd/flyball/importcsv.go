package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
)

// csvImport are the flags about CSV files.
type csvImport struct {
	timeColumn, valueColumn, timeFormat, values string
}

func (c *csvImport) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.timeColumn, "time-column", "", "CSV: `NAME` of the column with the times (default the first)")
	flags.StringVar(&c.valueColumn, "value-column", "", "CSV: `NAME` of the column with the values (default the other one of two)")
	flags.StringVar(&c.timeFormat, "time-format", "auto", "CSV: unix (seconds), unix-ms, rfc3339, or a layout as of Go's time package; auto looks at the first row")
	flags.StringVar(&c.values, "values", "rate", "CSV: what the values are: rate (requests per second) or count (requests since this row's time, until the next)")
}

func csvFlags() []string { return []string{"time-column", "value-column", "time-format", "values"} }

func (f *importFlags) fromCSV(ctx context.Context, stdin io.Reader) (made, error) {
	if err := f.table.check(); err != nil {
		return made{}, cli.UsageError{Err: err}
	}
	in, title, err := f.open(f.csv, stdin)
	if err != nil {
		return made{}, err
	}
	defer in.Close()
	meter := newMeter(ctx)
	defer meter.done()
	plain, err := unzipped(meter.wrap(in, title))
	if err != nil {
		return made{}, fmt.Errorf("csv %s: %w", title, csvFault(err))
	}
	rows, err := f.table.read(plain)
	if err != nil {
		return made{}, fmt.Errorf("csv %s: %w", title, err)
	}
	trace, err := rows.trace(title, f.table.values == "count", f.step)
	if err != nil {
		return made{}, err
	}
	m := madeOf(trace, "csv")
	m.summary.LeftOut, m.summary.StepFrom = rows.leftOut(), rows.note(f.step)
	// Small numbers are seconds from a start of their own, and no date.
	if start := rows.first.Add(rows.starts[0]).UTC(); start.Year() > 1980 {
		m.summary.Start = start
	}
	return m, nil
}

func (c *csvImport) check() error {
	if c.values != "rate" && c.values != "count" {
		return fmt.Errorf("--values: must be rate or count, got %q", c.values)
	}
	switch c.timeFormat {
	case "auto", "unix", "unix-ms", "rfc3339":
		return nil
	}
	if reference := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC); reference.Format(c.timeFormat) == reference.AddDate(3, 3, 3).Add(7*time.Hour).Format(c.timeFormat) {
		return fmt.Errorf("--time-format: must be auto, unix, unix-ms, rfc3339 or a layout such as %q, got %q", time.DateTime, c.timeFormat)
	}
	return nil
}

// unzipped reads plain text from r, which may be gzipped.
func unzipped(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	if magic, _ := in.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return in, nil
	}
	plain, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(plain, 1<<20), nil
}

func (c *csvImport) read(in io.Reader) (*table, error) {
	lines := bufio.NewReader(in)
	rows := csv.NewReader(lines)
	rows.Comma, rows.ReuseRecord, rows.TrimLeadingSpace = separator(lines), true, true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty: must begin with a header")
	}
	if err != nil {
		return nil, csvFault(err)
	}
	header = slices.Clone(header)
	at, value, err := c.columns(header)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	t, format := &table{}, c.timeFormat
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, csvFault(err)
		}
		line, _ := rows.FieldPos(0)
		if format == "auto" {
			format = guess(row[at])
		}
		if err := t.add(format, row[at], row[value]); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// separator is what stands between the columns of the header: the most
// frequent of the usual ones outside quotes. A byte order mark is skipped.
func separator(lines *bufio.Reader) rune {
	if mark, _ := lines.Peek(3); string(mark) == "\ufeff" {
		_, _ = lines.Discard(len(mark)) // they are there
	}
	head, _ := lines.Peek(lines.Size())
	head, _, _ = bytes.Cut(head, []byte("\n"))
	separator, most := ',', 0
	for _, c := range ",;\t" {
		n, quoted := 0, false
		for _, char := range string(head) {
			quoted = quoted != (char == '"')
			if char == c && !quoted {
				n++
			}
		}
		if n > most {
			separator, most = c, n
		}
	}
	return separator
}

func csvFault(err error) error {
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		return fmt.Errorf("line %d: %w", parse.Line, parse.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the gzip file is cut off")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("the gzip file is damaged: %w", err)
	}
	return err
}

// columns finds the two columns in the header.
func (c *csvImport) columns(header []string) (at, value int, err error) {
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
	}
	find := func(flag, name string) int {
		i := slices.Index(header, name)
		if i < 0 && err == nil {
			err = fmt.Errorf("--%s: there is no column %q; the columns are %.300s", flag, name, strings.Join(header, ", "))
		}
		return i
	}
	if c.timeColumn != "" {
		at = find("time-column", c.timeColumn)
	}
	switch {
	case c.valueColumn != "":
		value = find("value-column", c.valueColumn)
	case len(header) == 2:
		value = 1 - at
	case err == nil:
		err = fmt.Errorf("--value-column: must be given; the columns are %.300s", strings.Join(header, ", "))
	}
	if err == nil && at == value {
		err = fmt.Errorf("--value-column: %q holds the times", header[value])
	}
	return at, value, err
}
