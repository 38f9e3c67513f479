package vector

import (
	"testing"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/calls/callstest"
)

// Whether a database answers us is seen in our own metrics too: a reading of
// PostgreSQL is one request, one of Qdrant two.
func TestReadingsAreCounted(t *testing.T) {
	before := callstest.Outcomes(t, calls.Vector)
	_, _ = qdrant(t, map[string]string{"/telemetry": file(t, "telemetry-1.16.json")}).Read(t.Context())
	_, _ = readerOf(t, Server{PGVector: &PGVector{Address: "postgres://fly@127.0.0.1:1/shop?sslmode=disable"}}).Read(t.Context())
	callstest.Grown(t, calls.Vector, before, map[string]float64{"ok": 1, "refused": 1, "unanswered": 1})
}
