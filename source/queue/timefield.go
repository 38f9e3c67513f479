package queue

import (
	"encoding/json"
	"strings"
	"time"
)

// fromMillis is where numbers are taken for milliseconds: as seconds they would
// be of the year 5138.
const fromMillis = 1e11

// timeIn finds when a task was queued in a task that is JSON; path is of field
// names with dots between.
func timeIn(task []byte, path string) (time.Time, bool) {
	for name := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(task, &object) != nil {
			return time.Time{}, false
		}
		task = object[name]
	}
	var number float64
	if json.Unmarshal(task, &number) == nil && number > 0 && number < 1e15 {
		if number >= fromMillis {
			number /= 1000
		}
		whole := int64(number)
		return time.Unix(whole, int64((number-float64(whole))*1e9)), true
	}
	var text string
	if json.Unmarshal(task, &text) != nil {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil
}
