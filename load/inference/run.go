package inference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/load/pace"
)

// run is one run under way.
type run struct {
	Options
	recorder *recorder
}

// Run asks as o says and returns once every request has had its outcome. When ctx
// ends first, requests under way are cut off, and the result covers what was done
// until then, marked Interrupted. The error is of o, or that a server without
// Model lists none: nothing was asked then.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	own := o.Transport == nil
	o = o.withDefaults()
	if t, is := o.Transport.(*http.Transport); is && own {
		defer t.CloseIdleConnections()
	}
	if o.Model == "" {
		var err error
		if o.Model, err = o.firstModel(ctx); err != nil {
			return Result{}, err
		}
	}
	r := &run{Options: o, recorder: newRecorder(o)}
	over, reported := make(chan struct{}), make(chan struct{})
	go func() { defer close(reported); r.report(over) }()
	start := o.Pace.Clock.Now()
	o.Pace.Run(ctx, func(t pace.Turn) {
		r.recorder.sent()
		r.recorder.done(r.ask(ctx, t))
	}, func(pace.Turn) { r.recorder.drop() })
	close(over)
	<-reported
	return r.recorder.result(o.Pace.Clock.Now().Sub(start), ctx.Err() != nil), nil
}

// report calls OnProgress every second until the run is over.
func (r *run) report(over <-chan struct{}) {
	if r.OnProgress == nil {
		return
	}
	start, ticker := r.Pace.Clock.Now(), r.Pace.Clock.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.OnProgress(r.recorder.snapshot(r.Pace.Clock.Now().Sub(start)))
		case <-over:
			return
		}
	}
}

// patience is how long a server may take to list its models.
const patience = 10 * time.Second

// firstModel asks the server what it serves.
func (o Options) firstModel(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL+"/models", nil)
	if err != nil {
		return "", err
	}
	o.headers(request)
	response, err := o.Transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("list the models of %s: %w", o.URL, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	var all struct{ Data []struct{ ID string } }
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err == nil && (len(all.Data) == 0 || all.Data[0].ID == "") {
		err = errors.New("there are none")
	}
	if err != nil {
		return "", fmt.Errorf("list the models of %s/models: %w; name one", o.URL, err)
	}
	return all.Data[0].ID, nil
}
