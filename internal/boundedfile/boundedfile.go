// Package boundedfile reads files that somebody else names: no more of them than
// is of use, so that a file of many gigabytes, or something that never ends,
// costs no memory.
package boundedfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Read is [os.ReadFile] of a regular file of at most so many bytes. Every error
// is a [fs.PathError].
func Read(name string, most int) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is no regular file")}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1)) // it may grow while it is read
	if err == nil && len(data) > most {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("has more than %d bytes", most)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
