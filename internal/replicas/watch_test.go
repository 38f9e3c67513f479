package replicas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

func TestWhatGoesWrongIsLoggedOnceAndSoIsItsEnd(t *testing.T) {
	var out bytes.Buffer
	away := errors.New("away")
	given := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	c := Complaint{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: given})), Of: "the service", Passes: away}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, err := range []error{nil, fmt.Errorf("ask: %w", away), fmt.Errorf("ask: %w", away), errors.New("gone"), nil, nil} {
		c.Report(t.Context(), err)
		c.Report(ended, errors.New("given up"))
	}
	want := `level=WARN msg="cannot be looked after" what="the service" error="ask: away"
level=ERROR msg="cannot be looked after" what="the service" error=gone
level=INFO msg="can be looked after again" what="the service"
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStatusesAreComparedButForTheirTime(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := target.Status{At: at, SpecReplicas: 1, Replicas: []scale.Replica{{ID: "a"}}}
	b := target.Status{At: at.Add(time.Second), SpecReplicas: 1, Replicas: []scale.Replica{{ID: "a"}}}
	if !Same(a, b) {
		t.Error("they say the same")
	}
	if b.Replicas[0].Restarts = 1; Same(a, b) {
		t.Error("a replica was started anew")
	}
}
