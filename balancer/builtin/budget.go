package builtin

import (
	"sync"
	"time"
)

const (
	budgetSeconds = 10 // time the share is judged over
	budgetMinimum = 10 // retries always allowed in that time
)

// budget limits how many requests are sent twice, so that retries cannot
// multiply the load of a service that is failing already.
type budget struct {
	share float64
	began time.Time

	mu       sync.Mutex // guards all below
	second   int64      // of the newest slot, counted from began
	requests [budgetSeconds]int
	retries  [budgetSeconds]int
}

// request counts one request.
func (b *budget) request(now time.Time) {
	b.mu.Lock()
	b.requests[b.slot(now)]++
	b.mu.Unlock()
}

// retry takes one retry from the budget, if there is one.
func (b *budget) retry(now time.Time) bool {
	if b.share <= 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	slot := b.slot(now)
	requests, retries := 0, 0
	for i := range budgetSeconds {
		requests += b.requests[i]
		retries += b.retries[i]
	}
	if float64(retries) >= max(budgetMinimum, b.share*float64(requests)) {
		return false
	}
	b.retries[slot]++
	return true
}

// slot returns the index of now's second, forgetting those it replaces.
func (b *budget) slot(now time.Time) int {
	second := max(int64(now.Sub(b.began)/time.Second), b.second)
	for s := max(b.second, second-budgetSeconds) + 1; s <= second; s++ {
		b.requests[s%budgetSeconds], b.retries[s%budgetSeconds] = 0, 0
	}
	b.second = second
	return int(second % budgetSeconds)
}
