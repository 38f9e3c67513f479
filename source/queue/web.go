package queue

import (
	"context"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/reading"
)

// webReader reads a queue of a broker that answers over HTTP.
type webReader struct {
	*reading.Web
	name string
	opts options
	look func(ctx context.Context, w *reading.Web, p reading.Part) error
}

func newWebReader(name string, auth webclient.Auth, s Server, o options, look func(context.Context, *reading.Web, reading.Part) error) *webReader {
	return &webReader{name: name, opts: o, look: look, Web: reading.NewWeb(calls.Queue, auth, s.Timeout.Std(), o.clock)}
}

// Read asks once.
func (w *webReader) Read(ctx context.Context) (reading.Reading, error) {
	at, p := w.opts.clock.Now(), reading.NewPart(w.name)
	if err := w.look(ctx, w.Web, p); err != nil {
		return reading.Reading{}, err
	}
	return reading.Reading{At: at, Parts: []reading.Part{p}}, nil
}
