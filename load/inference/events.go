package inference

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// longestLine bounds what one line of a stream may hold.
const longestLine = 1 << 20

var errLongLine = errors.New("a line of the stream is longer than 1 MiB")

// events reads the data of server-sent events. Servers of models send one line of
// data each; names, comments and times to retry are passed over.
type events struct{ lines *bufio.Reader }

func newEvents(r io.Reader) *events { return &events{bufio.NewReaderSize(r, 4<<10)} }

// next returns the data of the next event, valid until the one after it, or
// [io.EOF] at the end.
func (e *events) next() ([]byte, error) {
	for {
		line, err := e.line()
		if data, is := bytes.CutPrefix(line, []byte("data:")); is && err == nil {
			return bytes.TrimSpace(data), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// drain reads what comes after the last event, which is nothing but the end: the
// connection can then be used again.
func (e *events) drain() { _, _ = io.CopyN(io.Discard, e.lines, 4<<10) }

// line returns a line with its end; one that has none was broken off.
func (e *events) line() ([]byte, error) {
	line, err := e.lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	whole := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = e.lines.ReadSlice('\n')
		if whole = append(whole, line...); len(whole) > longestLine {
			return nil, errLongLine
		}
	}
	return whole, err
}
