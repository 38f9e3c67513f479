package nginx

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/latency"
	"github.com/flyball-io/flyball/internal/syslogd"
)

// clientGone is the status nginx logs for a client that went away.
const clientGone = 499

// readLog counts what the access log says until ctx is done.
func (p *Plane) readLog(ctx context.Context) error {
	strange := sync.OnceFunc(func() {
		p.log.Warn("nginx's log has lines that are not in the format flyball", slog.String("upstream", p.cfg.Upstream), slog.String("format", Format))
	})
	take := func(text []byte) {
		one, err := parse(text)
		if err != nil {
			strange()
			return
		}
		p.count(one)
	}
	if p.cfg.Log.File != "" {
		return p.followFile(ctx, take)
	}
	receiver, err := syslogd.Listen(ctx, p.cfg.Log.Syslog)
	if err != nil {
		return err
	}
	p.setReading()
	return receiver.Run(ctx, take)
}

func (p *Plane) setReading() {
	p.mu.Lock()
	p.reading = true
	p.mu.Unlock()
}

// count adds a request that has ended.
func (p *Plane) count(one line) {
	now := p.clk.Now()
	failed := one.status >= http.StatusInternalServerError
	p.mu.Lock()
	defer p.mu.Unlock()
	slow := p.cfg.Threshold > 0 && one.seconds > p.cfg.Threshold.Std().Seconds()
	c := latency.Counts{Arrived: 1, Busy: time.Duration(one.seconds * float64(time.Second))}
	if one.status == clientGone && !slow {
		p.total.Add(now, c) // it gave up within the threshold: nobody's failure
	} else {
		c.Ended, c.Failed, c.NotGood = 1, is(failed), is(failed || slow)
		p.total.Answered(now, one.seconds, c)
	}
	for i, a := range one.attempts {
		b := p.byAddr[a.address]
		if b == nil {
			continue
		}
		b.Requests++
		b.Failures += is(a.failed)
		c := latency.Counts{Arrived: 1, Ended: 1, Failed: is(a.failed)}
		if i < len(one.attempts)-1 {
			b.window.Add(now, c) // the time it took is the last one's
			continue
		}
		c.Busy = time.Duration(one.seconds * float64(time.Second))
		b.window.Answered(now, one.seconds, c)
	}
}

func is(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
