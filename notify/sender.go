package notify

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// settle is how long the reason of a change may come after it.
	settle = 100 * time.Millisecond
	// A request that fails is sent again after firstRetry, and twice as long each
	// time up to longestRetry, less up to a half at random, so that receivers
	// that come back are not met by everybody at once.
	firstRetry   = time.Second
	longestRetry = 5 * time.Minute
	// longestAsked bounds what a receiver may ask for by Retry-After.
	longestAsked = time.Hour
	// giveUpAfter is how long one message is tried.
	giveUpAfter = 6 * time.Hour
	// logAgain is how often it is logged that messages are given up.
	logAgain = time.Hour
)

// sender tells one receiver, in a goroutine of its own.
type sender struct {
	*outbox
	receiver Receiver
	source   string
	n        *Notifier
	closing  chan struct{} // closed when it is to end
	ended    chan struct{} // closed when it has
	before   *sender       // that it takes the place of, and has the outbox of; nil: none
	replaced atomic.Bool   // what waits is another's now

	post   func(context.Context, *message) error
	close  func()
	write  writer
	bucket bucket
	rng    *rand.Rand

	failing  bool
	givenUp  int       // news that are given up, since that was logged
	loggedAt time.Time // that some are; zero: never
}

// message is one request.
type message struct {
	id     string
	header map[string]string
	body   []byte
	news   []News
	lost   int  // that it tells the number of
	summed bool // not each by itself
}

// writer puts news into a message.
type writer interface {
	// single reports whether each news has a message of its own, unless it is
	// held back.
	single() bool
	write(news []News, lost int) (*message, error)
}

func newSender(r Receiver, source string, n *Notifier) *sender {
	s := &sender{outbox: newOutbox(), receiver: r, source: source, n: n, closing: make(chan struct{}), ended: make(chan struct{})}
	w := newWire(r, n.opts.Clock)
	s.post, s.close, s.write = w.post, w.client.Close, writerOf(r, source)
	now, name := n.opts.Clock.Now(), fnv.New64a()
	_, _ = name.Write([]byte(r.Name)) // it never fails
	s.bucket, s.rng = newBucket(r.Rate, now), rand.New(rand.NewPCG(uint64(now.UnixNano()), name.Sum64()))
	return s
}

// inherits makes a sender go on with what waits for the one before it.
func (s *sender) inherits(before *sender) {
	s.before, s.outbox = before, before.outbox
	before.replaced.Store(true)
	close(before.closing)
}

func writerOf(r Receiver, source string) writer {
	if r.Slack != nil {
		return chat{}
	}
	return envelope{source: source, mode: r.CloudEvents.Mode}
}

// add puts news into the outbox. It never waits.
func (s *sender) add(news News) {
	if lost := s.put(news, s.now()); lost > 0 {
		s.count(Lost, lost)
	}
}

func (s *sender) now() time.Time { return s.n.opts.Clock.Now() }

func (s *sender) count(outcome string, news int) {
	s.n.opts.Count(s.receiver.Name, outcome, news)
}

// run sends until closing is closed, and then what waits.
func (s *sender) run(ctx context.Context) {
	defer close(s.ended)
	defer s.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.n.running.Go(func() { // a request that hangs must not hold up the end
		select {
		case <-s.closing:
		case <-ctx.Done():
			return
		}
		select {
		case <-s.n.opts.Clock.After(lastWord):
			cancel()
		case <-ctx.Done():
		}
	})
	if s.before != nil { // it may still be at a message
		<-s.before.ended
		s.before = nil
	}
	for s.await() {
		held := false
		for {
			wait := s.bucket.take(s.now())
			if wait == 0 {
				break
			}
			held = true
			if !s.wait(wait) {
				break
			}
		}
		s.next(ctx, held)
	}
	if !s.replaced.Load() {
		s.finish(ctx)
	}
}

// wait returns true after d, and false when the sender is to end.
func (s *sender) wait(d time.Duration) bool {
	select {
	case <-s.n.opts.Clock.After(d):
		return true
	case <-s.closing:
		return false
	}
}

// await returns true once there is something that more was waited for long
// enough, and false when the sender is to end.
func (s *sender) await() bool {
	for {
		n, since := s.waits()
		if n > 0 {
			return s.wait(max(settle, s.receiver.Coalesce.Std()) - s.now().Sub(since))
		}
		select {
		case <-s.wake:
		case <-s.closing:
			return false
		}
	}
}

// next sends one message.
func (s *sender) next(ctx context.Context, held bool) {
	if s.replaced.Load() {
		return
	}
	news, lost := s.pick(held || !s.write.single())
	if len(news) == 0 {
		return
	}
	for i := range news {
		if news[i].Group == Scaling {
			news[i].Reason = s.n.reasons.why(news[i].Target, news[i].At)
		}
	}
	m, err := s.write.write(news, lost)
	if err != nil {
		s.gaveUp(&message{news: news}, err)
		return
	}
	m.lost = lost
	s.deliver(ctx, m)
}

// deliver sends a message until the receiver has taken or refused it. Once the
// sender is to end, it is tried once more, or left to the one that follows.
func (s *sender) deliver(ctx context.Context, m *message) {
	begun, going := s.now(), true
	for attempt := 0; ; attempt++ {
		err := s.post(ctx, m)
		if err == nil {
			s.delivered(m)
			return
		}
		var f *failure
		if refused := errors.As(err, &f) && f.final; refused || !going || s.now().Sub(begun) > giveUpAfter {
			s.gaveUp(m, err)
			return
		}
		s.complain(err)
		if s.ends() { // this was the one more
			s.leave(m, err)
			return
		}
		if going = s.wait(s.backoff(attempt, f)); s.replaced.Load() {
			s.leave(m, err)
			return
		}
	}
}

// ends reports that the sender is to end.
func (s *sender) ends() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// leave puts a message back for the sender that follows, if one does.
func (s *sender) leave(m *message, err error) {
	if !s.replaced.Load() {
		s.gaveUp(m, err)
		return
	}
	if over := s.back(m.news, m.lost); over > 0 {
		s.count(Lost, over)
	}
}

// backoff is how long the next attempt waits.
func (s *sender) backoff(attempt int, f *failure) time.Duration {
	wait := min(longestRetry, firstRetry<<min(attempt, 16))
	wait -= time.Duration(s.rng.Float64() * float64(wait) / 2)
	if f != nil && f.after > 0 {
		wait = max(wait, min(f.after, longestAsked))
	}
	return wait
}

func (s *sender) delivered(m *message) {
	s.count(either(m.summed, Summed, Sent), len(m.news))
	if s.failing {
		s.n.opts.Log.Info("notifications are delivered again", slog.String("receiver", s.receiver.Name))
	}
	s.failing = false
}

// complain logs when a receiver begins to fail.
func (s *sender) complain(err error) {
	if !s.failing {
		s.n.opts.Log.Warn("notifications wait: they are tried again", slog.String("receiver", s.receiver.Name), slog.Any("error", err))
	}
	s.failing = true
}

func (s *sender) gaveUp(m *message, err error) {
	s.count(Failed, len(m.news))
	s.failing, s.givenUp = true, s.givenUp+len(m.news)
	if now := s.now(); s.loggedAt.IsZero() || now.Sub(s.loggedAt) >= logAgain {
		s.n.opts.Log.Error("notifications given up", slog.String("receiver", s.receiver.Name), slog.Int("news", s.givenUp), slog.Any("error", err))
		s.loggedAt, s.givenUp = now, 0
	}
}

// finish sends what waits, without waiting for more; what it has no token for
// is summed up.
func (s *sender) finish(ctx context.Context) {
	for left, _ := s.waits(); left > 0 && ctx.Err() == nil; left, _ = s.waits() {
		s.next(ctx, s.bucket.take(s.now()) > 0)
	}
	if left, _ := s.waits(); left > 0 {
		s.count(Failed, left)
		s.n.opts.Log.Warn("notifications are lost with the end", slog.String("receiver", s.receiver.Name), slog.Int("news", left))
	}
}
