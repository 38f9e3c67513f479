package experiment

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// File takes the rows of one phase.
type File struct {
	Path string
	file *os.File
	csv  *csv.Writer
}

// Create makes experiment_MODE_TIME.csv in a folder, which is made where it is
// missing, with the names of the columns in it. A file that is there stays.
func Create(dir string, mode Mode, at time.Time) (*File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("experiment_%s_%s.csv", mode, at.UTC().Format("20060102_150405")))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, file: file, csv: csv.NewWriter(file)}
	return f, f.write(Columns())
}

// Append adds a row: it is in the file, whatever becomes of this process, when
// Append returns.
func (f *File) Append(r Row) error { return f.write(r.Fields()) }

func (f *File) write(fields []string) error {
	if err := f.csv.Write(fields); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.csv.Flush()
	if err := f.csv.Error(); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// Close ends the file.
func (f *File) Close() error { return f.file.Close() }

// Read returns the rows of a file. Faults name the line.
func Read(from io.Reader) ([]Row, error) {
	in := csv.NewReader(from)
	header, err := in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("is empty: the first line must name the columns")
	case err != nil:
		return nil, err
	case !slices.Equal(header, Columns()):
		return nil, fmt.Errorf("line 1: is not the header of an experiment: must be %v", Columns())
	}
	var rows []Row
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		line, _ := in.FieldPos(0)
		if err != nil {
			return nil, err // names its line
		}
		row, err := ParseRow(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		rows = append(rows, row)
	}
}

// ReadAll summarizes the files that are named, and those in the folders that
// are, by the time in their names: a phase each.
func ReadAll(paths []string) ([]Summary, error) {
	var all []Summary
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			rows, err := readFile(file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, Summarize(rows))
		}
	}
	return all, nil
}

// filesOf are the files of a folder, or the file itself.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "experiment_*.csv"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: holds no experiment_*.csv", path)
	}
	when := func(file string) string { return file[max(0, len(file)-len("20060102_150405.csv")):] }
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(when(a), when(b)) })
	return files, err
}

func readFile(file string) ([]Row, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := Read(in)
	if err == nil && len(rows) == 0 {
		err = errors.New("has no rows")
	}
	return rows, err
}
