package sim

import (
	"math/rand/v2"
	"time"
)

// clients are those who wait for answers, give up and try again. All wait
// equally long, so who gives up next is the one who came first.
type clients struct {
	timeout  time.Duration
	limit    uint8
	backoff  time.Duration
	patience []due // in order of time, from done on
	done     int
	retries  heap
	back     []retry
	unused   []int32
	services *services
	jitter   *rand.Rand
}

// retry is a request between two attempts.
type retry struct {
	first        time.Duration
	attempt      uint8
	scored, slow bool
}

func newClients(s *Scenario) clients {
	again := *s
	again.Name += " retries"
	return clients{
		timeout: s.Client.Timeout, limit: uint8(min(s.Client.Retries, 255)), backoff: s.Client.Backoff,
		services: newServices(&again), jitter: stream(s, "backoff"),
	}
}

// next is when somebody gives up or tries again.
func (c *clients) next() time.Duration {
	at := c.retries.first()
	if c.done < len(c.patience) {
		at = min(at, c.patience[c.done].at)
	}
	return at
}

// wait notes that an attempt is waited for from now on.
func (c *clients) wait(now time.Duration, id int32, turn uint32) {
	if c.done > len(c.patience)/2 && c.done > 1024 {
		c.patience = c.patience[:copy(c.patience, c.patience[c.done:])]
		c.done = 0
	}
	c.patience = append(c.patience, due{at: now + c.timeout, id: id, turn: turn})
}

// turn lets those give up and try again whose time has come.
func (c *clients) turn(w *Events) {
	for c.done < len(c.patience) && c.patience[c.done].at <= w.now {
		d := c.patience[c.done]
		c.done++
		if w.requests[d.id].turn == d.turn {
			c.giveUp(w, d.id)
		}
	}
	for c.retries.first() <= w.now {
		d := c.retries.pop()
		r := c.back[d.id]
		c.unused = append(c.unused, d.id)
		id := w.take()
		q := &w.requests[id]
		q.first, q.service, q.attempt = r.first, c.services.take(), r.attempt
		q.scored, q.slow = r.scored, r.slow
		w.admit(id)
	}
}

// giveUp ends the wait for an attempt. One that is being served goes on: the
// service does not know that nobody waits.
func (c *clients) giveUp(w *Events, id int32) {
	r := &w.requests[id]
	if r.state == abandoned {
		return
	}
	r.state = abandoned
	w.fail(r)
}

// again plans the next attempt of a request; false when there is none.
func (c *clients) again(r *request, now time.Duration) bool {
	if r.attempt >= c.limit {
		return false
	}
	wait := c.backoff << min(r.attempt, 20)
	wait += time.Duration(c.jitter.Float64() * float64(wait) / 2)
	slot := int32(len(c.back))
	if n := len(c.unused); n > 0 {
		slot, c.unused = c.unused[n-1], c.unused[:n-1]
	} else {
		c.back = append(c.back, retry{})
	}
	c.back[slot] = retry{first: r.first, attempt: r.attempt + 1, scored: r.scored, slow: r.slow}
	c.retries.push(due{at: now + wait, id: slot})
	return true
}
