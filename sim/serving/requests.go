package serving

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Request is one that arrives at an instant counted from the beginning.
type Request struct {
	At time.Duration
	// Prompt and Output are tokens: given, and to be generated.
	Prompt, Output int
}

// header is the first line of a file of requests.
const header = "t_seconds,input_tokens,output_tokens"

// mostRequests bounds what a file may hold.
const mostRequests = 20_000_000

// Open reads a file of requests; gzip where its name ends in .gz.
func Open(path string) ([]Request, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	all, err := Read(from)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return all, nil
}

// IsTrace reports whether the file begins as one of requests.
func IsTrace(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			return false
		}
	}
	begin := make([]byte, len(header))
	_, err = io.ReadFull(from, begin)
	return err == nil && string(begin) == header
}

// Read reads requests: a line of names, then time in seconds, prompt and output
// tokens of one request a line, in order of time.
func Read(r io.Reader) ([]Request, error) {
	lines := bufio.NewScanner(r)
	if !lines.Scan() || strings.TrimSpace(lines.Text()) != header {
		return nil, errors.Join(fmt.Errorf("line 1: must be %q, got %q", header, lines.Text()), lines.Err())
	}
	var all []Request
	for n := 2; lines.Scan(); n++ {
		q, err := parse(strings.TrimSpace(lines.Text()))
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case len(all) > 0 && q.At < all[len(all)-1].At:
			return nil, fmt.Errorf("line %d: %v s comes before the line above", n, q.At.Seconds())
		case len(all) == mostRequests:
			return nil, fmt.Errorf("line %d: more than %d requests", n, mostRequests)
		}
		all = append(all, q)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("no request")
	}
	return all, nil
}

// mostSeconds and mostTokens are what a field may say: a year, and a hundred
// times what models take.
const (
	mostSeconds = 366 * 24 * 3600
	mostTokens  = 100_000_000
)

func parse(line string) (Request, error) {
	fields := strings.Split(line, ",")
	if len(fields) != 3 {
		return Request{}, fmt.Errorf("%d fields, want 3: %s", len(fields), header)
	}
	at, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || !(at >= 0 && at <= mostSeconds) {
		return Request{}, fmt.Errorf("t_seconds: must be 0 to %d, got %q", mostSeconds, fields[0])
	}
	q := Request{At: time.Duration(at * float64(time.Second))}
	for i, to := range []*int{&q.Prompt, &q.Output} {
		if *to, err = strconv.Atoi(fields[i+1]); err != nil || *to < 0 || *to > mostTokens {
			return Request{}, fmt.Errorf("%s: must be 0 to %d, got %q", strings.Split(header, ",")[i+1], mostTokens, fields[i+1])
		}
	}
	return q, nil
}

// Window is the requests from one instant to another, their times counted from
// the first.
func Window(all []Request, from, to time.Duration) []Request {
	var within []Request
	for _, q := range all {
		if q.At >= from && q.At < to {
			q.At -= from
			within = append(within, q)
		}
	}
	return within
}
