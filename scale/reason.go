package scale

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Reason says why a number was chosen. It keeps the numbers and a template
// apart and puts them into words only when somebody reads it, so that
// deciding allocates nothing.
//
// In the template {n} is the subject, {0} … {5} are the numbers: {0} plain,
// {0%} as a percentage of a share, {0s} as a duration in seconds, {0t} as the
// time of day so many seconds after midnight, {0 ready replica} as a count of
// what is named (1 ready replica, 2 ready replicas).
type Reason struct {
	Code     string // from a small fixed vocabulary, CamelCase as Kubernetes conditions
	Template string
	Subject  string
	Args     [6]float64
}

// Because builds a reason without a subject.
func Because(code, template string, args ...float64) Reason {
	r := Reason{Code: code, Template: template}
	copy(r.Args[:], args)
	return r
}

// About returns r with the subject set.
func (r Reason) About(subject string) Reason {
	r.Subject = subject
	return r
}

// String puts the reason into words.
func (r Reason) String() string {
	var b strings.Builder
	rest := r.Template
	for {
		open := strings.IndexByte(rest, '{')
		end := strings.IndexByte(rest, '}')
		if open < 0 || end < open {
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(rest[:open])
		b.WriteString(r.argument(rest[open+1 : end]))
		rest = rest[end+1:]
	}
}

func (r Reason) argument(verb string) string {
	if verb == "n" {
		return r.Subject
	}
	if verb == "" || verb[0] < '0' || verb[0] >= '0'+byte(len(r.Args)) {
		return "{" + verb + "}"
	}
	v := r.Args[verb[0]-'0']
	if what, ok := strings.CutPrefix(verb[1:], " "); ok {
		return Count(v, what)
	}
	switch verb[1:] {
	case "%":
		return Number(v*100) + " %"
	case "s":
		return seconds(v)
	case "t":
		return fmt.Sprintf("%02d:%02d", int(v)/3600%24, int(v)/60%60)
	default:
		return Number(v)
	}
}

// Count writes how many there are of what: "1 replica", "7 replicas".
func Count[N int | int64 | float64](n N, what string) string {
	number := Number(float64(n))
	if number == "1" {
		return number + " " + what
	}
	return number + " " + what + "s"
}

// Number writes v with three significant digits, whole numbers in full.
func Number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	if a := math.Abs(v); a >= 100 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// seconds writes a duration with three significant digits.
func seconds(v float64) string {
	if !(math.Abs(v) < 1e9) {
		return Number(v) + " s"
	}
	d := time.Duration(v * float64(time.Second))
	switch a := d.Abs(); {
	case a == 0:
		return "0 s"
	case a < time.Second:
		return Number(v*1000) + " ms"
	case a < 2*time.Minute:
		return Number(v) + " s"
	default:
		return Duration(d.Round(time.Second)).String()
	}
}

type reasonJSON struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// MarshalJSON writes the code and the words.
func (r Reason) MarshalJSON() ([]byte, error) {
	return json.Marshal(reasonJSON{Code: r.Code, Text: r.String()})
}

// UnmarshalJSON reads the code and the words; the numbers are in the words.
func (r *Reason) UnmarshalJSON(data []byte) error {
	var wire reasonJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("reason: %w", err)
	}
	*r = Reason{Code: wire.Code, Template: "{n}", Subject: wire.Text}
	return nil
}
