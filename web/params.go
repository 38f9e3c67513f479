package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

func timeParam(r *http.Request, name string) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%s: %q: must be a time such as 2026-01-31T14:03:15Z", name, text)
	}
	return t, nil
}

// windowParams reads the two ends of a window of time; zero: not given.
func windowParams(r *http.Request, begin, end string) (from, to time.Time, err error) {
	if from, err = timeParam(r, begin); err != nil {
		return from, to, err
	}
	if to, err = timeParam(r, end); err != nil {
		return from, to, err
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, fmt.Errorf("%s: must be after %s (%s), got %s", end, begin, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}

// stepParam reads the step of a series; 0: not given.
func stepParam(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("step")
	if text == "" {
		return 0, nil
	}
	d, err := scale.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("step: %w", err)
	}
	if d.Std() < time.Second {
		return 0, fmt.Errorf("step: must be at least 1s, got %v", d)
	}
	return d.Std(), nil
}

func countParam(r *http.Request, name string, otherwise, most int64) (n int64, err error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: %q: must be a whole number from 1 to %d", name, text, most)
	}
	return n, nil
}

// listParam reads words with commas between them; nil: not given.
func listParam(r *http.Request, name string) []string {
	return strings.FieldsFunc(r.URL.Query().Get(name), func(c rune) bool { return c == ',' || c == ' ' })
}
