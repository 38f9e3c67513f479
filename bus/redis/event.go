package redis

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// cloudEvent is a message in the JSON format of CloudEvents 1.0
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`     // unique together with Source
	Source          string          `json:"source"` // who published it
	Type            string          `json:"type"`
	Subject         string          `json:"subject"` // the target
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// events makes events of messages.
type events struct {
	source string
	boot   string // of this process, so that a restart repeats no ID
	clock  clock.Clock
	count  *atomic.Uint64
}

func newEvents(instance string, clk clock.Clock) events {
	boot := make([]byte, 8)
	_, _ = rand.Read(boot) // it never fails
	return events{source: "/flyball/" + instance, boot: hex.EncodeToString(boot), clock: clk, count: new(atomic.Uint64)}
}

// eventType is that of a kind of message.
func eventType(kind string) string { return "io.flyball." + kind + ".v1" }

func (e *events) wrap(kind, whom string, message any) ([]byte, error) {
	data, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	return json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.boot + "-" + strconv.FormatUint(e.count.Add(1), 10), Source: e.source, Type: eventType(kind),
		Subject: whom, Time: e.clock.Now().UTC(), DataContentType: "application/json", Data: data,
	})
}
