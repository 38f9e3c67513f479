package builtin

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Collect returns what the proxy measured over the metric window: for the
// whole target and for each replica. Rates and concurrencies are true zeros
// when nothing came; a latency without a request does not exist and is left
// out, as is the share of bad requests while those that came still wait. It returns ctx's error and no other.
func (p *Proxy) Collect(ctx context.Context) ([]scale.Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := p.clk.Now()
	r := p.total.read(now)
	samples := append(r.samples(now, ""),
		scale.Sample{Signal: scale.QueueDepth, At: now, Value: float64(p.pool.heldNow())})
	if share, known := r.violationRatio(); known {
		samples = append(samples, r.sample(scale.ViolationRatio, now, share))
	}
	samples = append(samples, p.models.samples(now)...)
	for _, b := range p.pool.backends() {
		samples = append(samples, b.meter.read(now).samples(now, b.ID)...)
	}
	return samples, nil
}

// samples are the measurements that target and replica have in common.
func (r reading) samples(now time.Time, replica string) []scale.Sample {
	out := []scale.Sample{
		r.sample(scale.RequestRate, now, r.perSecond(r.arrived)),
		r.sample(scale.ErrorRate, now, r.perSecond(r.failed)),
		r.sample(scale.Concurrency, now, r.concurrency()),
	}
	if r.latency.Count() > 0 {
		s := r.sample(scale.Latency, now, r.latency.Quantile(0.95))
		s.Distribution = r.latency
		out = append(out, s)
	}
	for i := range out {
		out[i].Replica = replica
	}
	return out
}

func (r reading) sample(signal string, now time.Time, value float64) scale.Sample {
	return scale.Sample{Signal: signal, At: now, Window: r.covered, Value: value}
}
