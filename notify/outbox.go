package notify

import (
	"slices"
	"sync"
	"time"
)

// mostWaiting bounds what waits for one receiver, some 500 bytes each.
const mostWaiting = 1000

// outbox is what waits for one receiver, the oldest first.
type outbox struct {
	wake chan struct{} // receives, coalesced, when something was added

	mu    sync.Mutex // guards what follows
	queue []News
	lost  int // since they were told
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put adds news and returns how many were lost for want of room.
func (o *outbox) put(n News, now time.Time) (lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= mostWaiting {
		o.queue = slices.Delete(o.queue, 0, 1)
		lost = 1
	}
	o.lost += lost
	n.heard = now
	o.queue = append(o.queue, n)
	select {
	case o.wake <- struct{}{}:
	default: // it knows
	}
	return lost
}

// pick takes the oldest news, or all of it; and how many were lost. When some
// were, it is all, so that their number is told.
func (o *outbox) pick(all bool) (news []News, lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(1, len(o.queue))
	if all || o.lost > 0 {
		n = len(o.queue)
	}
	news, o.queue = slices.Clone(o.queue[:n]), slices.Delete(o.queue, 0, n)
	if n > 0 {
		lost, o.lost = o.lost, 0
	}
	return news, lost
}

// back puts in front again what was picked and not told, and returns how many
// were lost for want of room.
func (o *outbox) back(news []News, lost int) (over int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(slices.Clone(news), o.queue...)
	over = max(0, len(o.queue)-mostWaiting)
	o.queue = slices.Delete(o.queue, 0, over)
	o.lost += lost + over
	return over
}

// waits is how much there is, and since when the oldest of it.
func (o *outbox) waits() (n int, since time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > 0 {
		since = o.queue[0].heard
	}
	return len(o.queue), since
}

// bucket holds tokens, one for each request.
type bucket struct {
	rate   Rate
	tokens float64
	at     time.Time
}

func newBucket(rate Rate, now time.Time) bucket { return bucket{rate, float64(rate.Burst), now} }

// take takes a token, or says how long it is until there is one.
func (b *bucket) take(now time.Time) (wait time.Duration) {
	b.tokens = min(float64(b.rate.Burst), b.tokens+max(0, now.Sub(b.at).Seconds())/b.rate.interval())
	b.at = now
	if b.tokens >= 1-1e-9 {
		b.tokens--
		return 0
	}
	return time.Duration((1-b.tokens)*b.rate.interval()*float64(time.Second)) + time.Millisecond
}
