package v1alpha1

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/flyball-io/flyball/internal/strict"
)

// Loader reads documents.
type Loader struct {
	Plugins Plugins
	// Env looks up the variables that the files name.
	Env strict.Env
	// Stdin is read for the path "-".
	Stdin io.Reader
	// MayBeEmpty takes a directory without a file for what it is: its last
	// document was removed.
	MayBeEmpty bool
}

// maxFileBytes is far above any honest document.
const maxFileBytes = 1 << 20

type file struct {
	name string
	data []byte
}

// read returns all files that can be read and a fault for each that cannot.
func (l Loader) read(paths []string) ([]file, Faults) {
	var files []file
	var faults Faults
	for _, path := range paths {
		names, err := Files(path)
		if err != nil && (!l.MayBeEmpty || !errors.Is(err, errEmpty)) {
			faults = append(faults, Fault{File: path, Message: err.Error()})
		}
		for _, name := range names {
			data, err := l.readFile(name)
			if err != nil {
				faults = append(faults, Fault{File: name, Message: err.Error()})
				continue
			}
			files = append(files, file{name, data})
		}
	}
	return files, faults
}

var errEmpty = errors.New("there is no .yaml or .yml file in this directory")

// Files lists the YAML files of a directory; a file stands for itself.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if path == "-" || err != nil || !info.IsDir() {
		return []string{path}, nil // reading says what is wrong with it
	}
	var names []string
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		found, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	if len(names) == 0 {
		return nil, errEmpty
	}
	slices.Sort(names)
	return names, nil
}

func (l Loader) readFile(name string) ([]byte, error) {
	if name == "-" {
		return readAll(l.Stdin)
	}
	return ReadFile(name)
}

// ReadFile reads one document file of at most a mebibyte. Something else than
// a file, which might never end, is refused.
func ReadFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, withoutName(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file; use - for standard input")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutName(err)
	}
	defer f.Close()
	return readAll(f)
}

func readAll(in io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err != nil {
		return nil, withoutName(err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("is larger than %d bytes", maxFileBytes)
	}
	return data, nil
}

// withoutName drops the file name, which the fault says already.
func withoutName(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}
