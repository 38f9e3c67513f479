package nginx

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/internal/webclient"
)

const (
	statusEvery   = 250 * time.Millisecond
	statusTimeout = 2 * time.Second
	statusBytes   = 4 << 10
)

// statusTally is what stub_status counted over the metric window. It sees
// requests when they arrive and those in progress, which the log cannot, and
// loses none; whose they were and how they ended it does not know.
type statusTally struct {
	window *latency.Window // Arrived, Ended and Busy
	last   status
	at     time.Time // of last; zero before the first
	fault  error
}

// status is one answer of stub_status.
type status struct {
	requests   uint64 // since nginx started, kept over reloads
	inProgress int    // this one included
}

func newStatusTally(cfg Config, now time.Time) statusTally {
	return statusTally{window: latency.NewWindow(cfg.MetricWindow.Std(), now)}
}

// watchStatus asks stub_status until ctx is done.
func (p *Plane) watchStatus(ctx context.Context) error {
	if p.cfg.Status == "" {
		return nil
	}
	client := webclient.New(webclient.Options{Client: calls.Balancer, Timeout: statusTimeout, MaxBytes: statusBytes, Direct: true})
	defer client.Close()
	ticker := p.clk.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		now, err := askStatus(ctx, client, p.cfg.Status)
		if ctx.Err() != nil {
			return nil
		}
		p.mu.Lock()
		p.status.note(p.clk.Now(), now, err)
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func askStatus(ctx context.Context, client *webclient.Client, url string) (status, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return status{}, err
	}
	answer, err := client.Do(ctx, request)
	if err != nil {
		return status{}, err
	}
	if answer.Status != http.StatusOK {
		return status{}, fmt.Errorf("stub_status answered %d", answer.Status)
	}
	return readStatus(string(answer.Body))
}

// readStatus reads
//
//	Active connections: 2
//	server accepts handled requests
//	 16 16 31
//	Reading: 0 Writing: 1 Waiting: 1
func readStatus(text string) (status, error) {
	var active, accepts, handled uint64
	var reading, writing, waiting int
	var s status
	_, err := fmt.Sscanf(text, "Active connections: %d\nserver accepts handled requests\n %d %d %d\nReading: %d Writing: %d Waiting: %d",
		&active, &accepts, &handled, &s.requests, &reading, &writing, &waiting)
	if err != nil || reading < 0 || writing < 0 {
		return status{}, fmt.Errorf("stub_status answered %.100q", text)
	}
	s.inProgress = reading + writing
	return s, nil
}

// note counts what came since the last answer. Both answers had one request in
// progress that is ours, and one of those that came is.
func (t *statusTally) note(at time.Time, now status, err error) {
	if t.fault = err; err != nil {
		return
	}
	if !t.at.IsZero() {
		came := now.requests - t.last.requests
		if now.requests < t.last.requests {
			came = now.requests // nginx was started anew
		}
		came -= min(came, 1)
		ended := max(0, int64(came)+int64(t.last.inProgress)-int64(now.inProgress))
		running := max(0, t.last.inProgress-1) + max(0, now.inProgress-1)
		t.window.Add(at, latency.Counts{Arrived: came, Ended: uint64(ended), Busy: at.Sub(t.at) * time.Duration(running) / 2})
	}
	t.last, t.at = now, at
}
