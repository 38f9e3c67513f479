// Package accesslog counts the requests in access logs of web servers: the
// Common and Combined formats as nginx, Apache and many others write them,
// with or without a virtual host in front. It reads a line once and keeps
// counts only, so that a log may be far larger than the memory.
package accesslog

import (
	"bytes"
	"errors"
)

// Entry is what is counted of one line.
type Entry struct {
	Unix   int64 // seconds since 1970
	Status int
	// Target is the path with the query that was asked for, as it was logged;
	// all of the request line where that is no HTTP. It is valid until the
	// next line.
	Target []byte
}

// What a line may lack, or hold in vain.
var (
	ErrNoTime    = errors.New("has no time in brackets such as [10/Oct/2026:13:55:36 +0200]")
	ErrBadTime   = errors.New("its time cannot be read: must be such as [10/Oct/2026:13:55:36 +0200]")
	ErrNoRequest = errors.New("has no request in quotes after the time")
	ErrNoStatus  = errors.New("has no status of three digits after the request")
)

// Parser reads lines. It remembers the last time it read, since many lines
// share one, and has one owner.
//
//	shop.test:443 203.0.113.7 - ann [10/Oct/2026:13:55:36 +0200] "GET /a?b=c HTTP/1.1" 200 2326 "-" "curl/8"
//	└ vhost       └ anything      └ time                          └ request             └ status └ not read
type Parser struct {
	text [timeWidth]byte // of the last time
	unix int64
	read bool
}

// Parse reads one line, without its end.
func (p *Parser) Parse(line []byte) (Entry, error) {
	rest, unix, err := p.time(line)
	if err != nil {
		return Entry{}, err
	}
	const quote = `] "`
	if len(rest) < len(quote) || string(rest[:len(quote)]) != quote {
		return Entry{}, ErrNoRequest
	}
	rest = rest[len(quote):]
	end, status := closing(rest)
	switch {
	case end < 0 && bytes.IndexByte(rest, '"') < 0:
		return Entry{}, ErrNoRequest
	case end < 0:
		return Entry{}, ErrNoStatus
	}
	return Entry{Unix: unix, Status: status, Target: target(rest[:end])}, nil
}

// time finds the time, and returns the line from its closing bracket on. What
// is in front of it may hold brackets too, as an IPv6 address does.
func (p *Parser) time(line []byte) (rest []byte, unix int64, err error) {
	err = ErrNoTime
	for {
		open := bytes.IndexByte(line, '[')
		if open < 0 || len(line) < open+1+timeWidth+1 {
			return nil, 0, err
		}
		line = line[open+1:]
		if line[timeWidth] != ']' {
			continue
		}
		text := line[:timeWidth]
		if p.read && string(text) == string(p.text[:]) {
			return line[timeWidth:], p.unix, nil
		}
		if !timeShaped(text) {
			continue
		}
		if unix, ok := parseTime(text); ok {
			copy(p.text[:], text)
			p.unix, p.read = unix, true
			return line[timeWidth:], unix, nil
		}
		err = ErrBadTime
	}
}

// closing finds the quote that ends the request: one that is not escaped, with
// a status behind it. Some servers write quotes of the request as they are.
func closing(text []byte) (end, status int) {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '"')
		if i < 0 {
			return -1, 0
		}
		end = from + i
		if status, ok := statusAt(text[end+1:]); ok && !escaped(text[:end]) {
			return end, status
		}
		from = end + 1
	}
}

// escaped reports whether an odd number of backslashes ends text.
func escaped(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// statusAt reads " 200" at the end of a line or before a space.
func statusAt(text []byte) (int, bool) {
	if len(text) < 4 || text[0] != ' ' || (len(text) > 4 && text[4] != ' ') {
		return 0, false
	}
	status, ok := digits(text[1:4])
	return status, ok
}

// target is what stands between the method and the protocol.
func target(request []byte) []byte {
	first, last := bytes.IndexByte(request, ' '), bytes.LastIndexByte(request, ' ')
	if first < 0 {
		return request
	}
	if last > first && bytes.HasPrefix(request[last+1:], []byte("HTTP/")) {
		return request[first+1 : last]
	}
	return request[first+1:] // HTTP/0.9 has no protocol
}
