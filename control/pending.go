package control

import (
	"sync"
	"time"

	"github.com/flyball-io/flyball/record"
)

// pending is what is not in the store yet.
type pending struct {
	mu      sync.Mutex // guards what follows
	entries []record.Entry
	values  map[string]record.Value // newest memory of each target
	lost    int                     // entries that had no room and were not told of yet
	tellAt  time.Time               // when they may be told of
}

const (
	// maxPending bounds what is kept while the store cannot be written: some
	// minutes of a thousand targets.
	maxPending = 50_000
	// maxBatch bounds one write, so that it ends in time on a slow disk too.
	maxBatch = 5000
	// tellEvery is the time between two lines about entries that are lost.
	tellEvery = time.Minute
)

// add keeps an entry; when there is no room the oldest one goes. It returns
// how many have gone without a word, once in a while.
func (p *pending) add(now time.Time, e record.Entry) (lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(p.entries, e)
	return p.bound(now)
}

func (p *pending) bound(now time.Time) (lost int) {
	if excess := len(p.entries) - maxPending; excess > 0 {
		clear(p.entries[:excess]) // what they refer to can go at once
		p.entries = p.entries[excess:]
		p.lost += excess
	}
	if p.lost == 0 || now.Before(p.tellAt) {
		return 0
	}
	p.tellAt = now.Add(tellEvery)
	return p.forgetLost()
}

// remember keeps the newest memory of each target.
func (p *pending) remember(v record.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep(v)
}

func (p *pending) keep(v record.Value) {
	if p.values == nil {
		p.values = map[string]record.Value{}
	}
	p.values[v.Target] = v
}

// take hands out the oldest entries, and the memory of all targets.
func (p *pending) take() record.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.entries), maxBatch)
	b := record.Batch{Entries: p.entries[:n:n]}
	p.entries = p.entries[n:]
	for _, v := range p.values {
		b.Values = append(b.Values, v)
	}
	p.values = nil
	return b
}

// putBack keeps a batch that could not be written, newer memory excepted.
func (p *pending) putBack(now time.Time, b record.Batch) (lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(b.Entries, p.entries...)
	for _, v := range b.Values {
		if _, newer := p.values[v.Target]; !newer {
			p.keep(v)
		}
	}
	return p.bound(now)
}

// rest counts what is left, and what was lost and not told of.
func (p *pending) rest() (entries, values, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries), len(p.values), p.forgetLost()
}

func (p *pending) forgetLost() int {
	lost := p.lost
	p.lost = 0
	return lost
}
