package nginx

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Format is the log_format that a line of the access log must have. The
// upstream's variables hold a list when a request was tried again.
const Format = `$msec $request_time $status "$upstream_addr" "$upstream_status"`

// line is one request as nginx logged it at its end.
type line struct {
	seconds  float64 // from its first byte to the last of its answer
	status   int
	attempts []attempt
}

// attempt is one try at a replica.
type attempt struct {
	address string
	failed  bool // 5xx, refused or broken off
}

var errLine = errors.New("not in the format flyball")

// parse reads a line of the access log.
func parse(text []byte) (line, error) {
	fields := bytes.SplitN(text, []byte(" "), 4)
	if len(fields) < 4 {
		return line{}, fmt.Errorf("%w: %.100q", errLine, text)
	}
	seconds, err := strconv.ParseFloat(string(fields[1]), 64)
	status, err2 := strconv.Atoi(string(fields[2]))
	quoted := strings.Split(string(fields[3]), `"`)
	if err != nil || err2 != nil || len(quoted) != 5 || !(seconds >= 0 && seconds < 1e9) {
		return line{}, fmt.Errorf("%w: %.100q", errLine, text)
	}
	out := line{seconds: seconds, status: status}
	addresses, states := list(quoted[1]), list(quoted[3])
	for i, address := range addresses {
		if address == "-" {
			continue
		}
		a := attempt{address: address, failed: true}
		if i < len(states) {
			code, err := strconv.Atoi(states[i])
			a.failed = err != nil || code >= 500
		}
		out.attempts = append(out.attempts, a)
	}
	return out, nil
}

// list splits what nginx joins with ", " for another server and " : " for
// another group of servers.
func list(text string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(text, " : ", ","), func(r rune) bool { return r == ',' || r == ' ' })
}
