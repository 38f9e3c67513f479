package queue

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/calls/callstest"
)

// Whether a queue answers us is seen in our own metrics too: a reading of a Redis
// is one request.
func TestReadingsAreCounted(t *testing.T) {
	b := startBroker(t)
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	before := callstest.Outcomes(t, calls.Queue)
	for _, s := range []Server{
		{Redis: &Redis{Login: b.login(), List: "jobs"}},                                    // ok
		{Redis: &Redis{Login: b.login(), Stream: "jobs", Group: "g"}},                      // refused: no such key
		{Redis: &Redis{Login: Login{Address: b.Address, Password: "wrong"}, List: "jobs"}}, // refused
		{Redis: &Redis{Login: Login{Address: "redis://127.0.0.1:1"}, List: "jobs"}},        // unanswered
		{Redis: &Redis{Login: Login{Address: says(t, "$90000000000\r\n")}, List: "jobs"}},  // unanswered: nothing that can be read
		{RabbitMQ: &RabbitMQ{URL: web.URL, Queue: "jobs"}},                                 // refused
	} {
		_, _ = readerOf(t, s).Read(t.Context())
	}
	callstest.Grown(t, calls.Queue, before, map[string]float64{"ok": 1, "refused": 3, "unanswered": 2})
}
