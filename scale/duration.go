package scale

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time constant in a configuration. It is written with a unit
// ("500ms", "30s", "5m", "1h30m", "7d"). Being a type of its own, every time
// constant of a configuration can be found and divided when time is
// compressed.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// maxDays is how many days a duration can hold.
const maxDays = float64(math.MaxInt64 / (24 * int64(time.Hour)))

// ParseDuration reads a duration with a unit; days ("d") are 24 hours and
// come first.
func ParseDuration(text string) (Duration, error) {
	days, rest := 0.0, text
	if head, tail, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseFloat(head, 64)
		if err != nil || !(math.Abs(n) <= maxDays) {
			return 0, durationFault(text)
		}
		if strings.HasPrefix(tail, "-") || strings.HasPrefix(tail, "+") {
			return 0, durationFault(text)
		}
		days, rest = n, tail
	}
	d := time.Duration(days * 24 * float64(time.Hour))
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || (d > 0 && d+more < 0) {
			return 0, durationFault(text)
		}
		d += more
	}
	if text == "" {
		return 0, durationFault(text)
	}
	return Duration(d), nil
}

func durationFault(text string) error {
	return fmt.Errorf("%q is not a duration: use a number with a unit (ms, s, m, h, d), for example 30s", text)
}

// MarshalJSON writes the duration with its unit.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a duration with its unit.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return durationFault(string(data))
	}
	v, err := ParseDuration(text)
	if err != nil {
		return err
	}
	*d = v
	return nil
}
