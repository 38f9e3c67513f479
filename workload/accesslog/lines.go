package accesslog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// longest is the longest line that is read; what is longer is malformed.
	longest = 256 << 10
	// buffer is how much is asked for at a time.
	buffer = 1 << 20
)

// errTooLong is what is wrong with such a line.
var errTooLong = fmt.Errorf("is longer than %d bytes", longest)

// lines hands out the lines of a log, plain or gzipped.
type lines struct {
	in *bufio.Reader
	n  int64 // lines so far
}

// open looks at the first bytes to tell what r is.
func open(r io.Reader) (*lines, error) {
	in := bufio.NewReaderSize(r, buffer)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return &lines{in: in}, nil
	}
	plain, err := gzip.NewReader(in)
	if err != nil {
		return nil, (&lines{}).fault(err)
	}
	return &lines{in: bufio.NewReaderSize(plain, buffer)}, nil
}

// next returns the next line without its end; it is valid until the one after
// it is asked for. Of a line that is too long the beginning comes with
// errTooLong. At the end it returns io.EOF.
func (l *lines) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	if len(line) > longest || errors.Is(err, bufio.ErrBufferFull) {
		return l.skip(line, err)
	}
	switch {
	case err == nil:
		line = line[:len(line)-1]
	case errors.Is(err, io.EOF) && len(line) > 0: // the last has no end
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	default:
		return nil, l.fault(err)
	}
	l.n++
	return bytes.TrimSuffix(line, []byte{'\r'}), nil
}

// skip reads a long line to its end.
func (l *lines) skip(line []byte, err error) ([]byte, error) {
	l.n++
	start := bytes.Clone(line[:min(len(line), 2*shown)])
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = l.in.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, l.fault(err)
	}
	return start, errTooLong
}

func (l *lines) fault(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the gzip file is cut off")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		err = fmt.Errorf("the gzip file is damaged: %w", err)
	}
	return fmt.Errorf("after line %d: %w", l.n, err)
}
