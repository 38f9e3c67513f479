// Package resp bounds what a server may say in the protocol of Redis. The
// client library makes room for whatever length an answer announces before it
// reads it: one wrong length ends the process, as it panics in a goroutine of the
// library's own.
package resp

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

// Limits are those of one answer with all that it holds.
type Limits struct {
	Bytes    int // of its text, announced or sent
	Elements int // of its arrays together
}

// maxDepth is how deep arrays may lie in each other; an entry of a stream in the
// answer of a transaction lies four deep.
const maxDepth = 16

// Bound returns a connection that reads no answer beyond the limits: it fails
// before whoever reads sees the length. One goroutine at a time may read. It has to
// lie above TLS, where the protocol can be read.
func Bound(c net.Conn, most Limits) net.Conn {
	return &bounded{Conn: c, most: most, left: most}
}

type bounded struct {
	net.Conn
	most  Limits
	left  Limits // of the answer that comes
	line  []byte // begin of the line that comes
	text  int    // bytes that belong to a text and not to a line
	open  []int  // elements that are still to come, of arrays from the outermost on
	fault error
}

// longestHead is more than any line with a length has: one that is longer is cut,
// and is no length then.
const longestHead = 32

// Read implements [net.Conn].
func (b *bounded) Read(p []byte) (int, error) {
	if b.fault != nil {
		return 0, b.fault
	}
	n, err := b.Conn.Read(p)
	if b.fault = b.follow(p[:n]); b.fault != nil {
		return 0, b.fault
	}
	return n, err
}

// follow reads along.
func (b *bounded) follow(p []byte) error {
	for len(p) > 0 {
		if b.text > 0 {
			n := min(b.text, len(p))
			if b.text, p = b.text-n, p[n:]; b.text == 0 {
				b.ended()
			}
			continue
		}
		piece, rest, whole := bytes.Cut(p, []byte("\n"))
		b.line = append(b.line, piece[:min(len(piece), longestHead-len(b.line))]...)
		if b.left.Bytes -= len(p) - len(rest); b.left.Bytes < 0 {
			return fmt.Errorf("an answer has more than %d bytes", b.most.Bytes)
		}
		if p = rest; whole {
			line := bytes.TrimSuffix(b.line, []byte("\r"))
			if b.line = b.line[:0]; len(line) > 0 {
				if err := b.head(line); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// head takes the line that an element begins with. All but texts and arrays end
// with it, also what the protocol does not know: who reads will say so.
func (b *bounded) head(line []byte) error {
	if line[0] != '$' && line[0] != '*' {
		b.ended()
		return nil
	}
	length, err := strconv.Atoi(string(line[1:]))
	switch {
	case err != nil || length < -1:
		return fmt.Errorf("an answer announces a length of %q", line[1:])
	case length == -1 || (length == 0 && line[0] == '*'):
		b.ended()
	case line[0] == '$':
		if length > b.left.Bytes {
			return fmt.Errorf("an answer announces a text of %d bytes; it may have %d in all", length, b.most.Bytes)
		}
		b.left.Bytes -= length
		b.text = length + len("\r\n")
	case length > b.left.Elements || len(b.open) == maxDepth:
		return fmt.Errorf("an answer announces an array of %d; it may have %d elements in all, and arrays %d deep", length, b.most.Elements, maxDepth)
	default:
		b.left.Elements -= length
		b.open = append(b.open, length)
	}
	return nil
}

// ended notes that an element is whole, and with it perhaps what it lies in.
func (b *bounded) ended() {
	for last := len(b.open) - 1; last >= 0; last-- {
		if b.open[last]--; b.open[last] > 0 {
			return
		}
		b.open = b.open[:last]
	}
	b.left = b.most
}
