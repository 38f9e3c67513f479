package advisor

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// How long nobody is asked after so many failures in a row: 1 s, 2 s, 4 s … 1 min,
// each shortened by chance by up to a half, so that many who ask the same server
// do not come back together.
const (
	firstPause = time.Second
	mostPause  = time.Minute
	// opensAfter is how many failures in a row are a lasting trouble, of which a
	// line is logged; of who never answered, or refuses to serve, the first is.
	opensAfter = 3
	// mostLater bounds what a server may ask for.
	mostLater = 10 * time.Minute
)

// Desk asks one advisor about one target and keeps the newest answer. Due, Show
// and Advice never wait. They may be called from several goroutines.
type Desk struct {
	from    string
	advisor Advisor
	env     Env
	manners Manners
	random  *rand.Rand // of the asking goroutine

	questions chan Question // room for one: the newest

	mu     sync.Mutex // guards what follows; nobody does I/O under it
	asked  time.Time  // when the newest question was handed over; zero: none
	said   *scale.Advice
	before *scale.Advice // said before it: valid until said is there, whose time may be to come
	failed *scale.Advice // why there is nothing newer; nil: there is
	faults int           // in a row
	spoke  bool          // whether there ever was an answer
	warned bool          // whether the log says that there is none
	rests  time.Time     // until when nobody is asked
}

// NewDesk returns a desk whose answers are of from. Nothing is asked before Run,
// or by AskNow.
func NewDesk(from string, a Advisor, env Env) *Desk {
	h := fnv.New64a()
	fmt.Fprint(h, env.Target, from)
	return &Desk{from: from, advisor: a, env: env, manners: a.Manners(), questions: make(chan Question, 1),
		random: rand.New(rand.NewPCG(h.Sum64(), 0xde5c))}
}

// Simulated reports whether nobody is really asked.
func (d *Desk) Simulated() bool { return d.manners.Simulated }

// Due reports whether a question should be asked now, when the next decision is
// made at next. The first is asked at once; later ones so shortly before a
// decision that an answer still comes in time, for it is then on the newest.
//
//	decision │                 ask ├─ timeout ─┤ │ decision
func (d *Desk) Due(now, next time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	gap := now.Sub(d.asked)
	switch {
	case d.manners.OnInquiry || d.resting(now):
		return false
	case d.asked.IsZero() || gap < 0: // or the clock was set back
		return true
	}
	lead := min(d.manners.Timeout+d.env.Sync/8, d.env.Sync/2)
	return gap >= max(d.manners.Every, d.env.Sync/2)-d.env.Sync/8 && next.Sub(now) <= lead
}

// Takes reports whether an inquiry should be put now: the first is at once, later
// ones not before Every has passed.
func (d *Desk) Takes(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	gap := now.Sub(d.asked)
	return d.manners.OnInquiry && !d.resting(now) && (d.asked.IsZero() || gap < 0 || gap >= d.manners.Every)
}

// resting reports whether nobody is asked now. The caller holds mu.
func (d *Desk) resting(now time.Time) bool {
	return now.Before(d.rests) && d.rests.Sub(now) <= mostLater
}

// Show hands over a question, in the place of one that was not asked yet. It is
// the desk's from then on.
func (d *Desk) Show(q Question) {
	d.mu.Lock()
	d.asked = q.Seen.At
	d.mu.Unlock()
	for {
		select {
		case d.questions <- q:
			return
		default:
		}
		select {
		case <-d.questions:
		default:
		}
	}
}

// Overhear takes what another process was answered, or why it was not, that asks about
// the target in the place of this one. Who takes over from it then goes on with the same
// advice, and has measured it for as long. The log is the other's.
func (d *Desk) Overhear(a scale.Advice) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.From != d.from || !a.SeenAt.After(d.asked) {
		return
	}
	if d.asked = a.SeenAt; a.Failed {
		d.failed = &a
		return
	}
	d.before, d.said, d.failed, d.spoke = d.said, &a, nil, true
}

// Run asks what is shown until ctx is done.
func (d *Desk) Run(ctx context.Context) error {
	defer d.advisor.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-d.questions:
			_ = d.AskNow(ctx, q) // the desk keeps why
		}
	}
}

// AskNow asks and waits for the answer, for a simulation whose time stands still
// meanwhile. It returns why there is no answer.
func (d *Desk) AskNow(ctx context.Context, q Question) error {
	call, cancel := context.WithTimeout(ctx, d.manners.Timeout)
	defer cancel()
	began, seen := d.env.Clock.Now(), q.Seen.At
	x := Exchange{Target: d.env.Target, From: d.from, SeenAt: seen}
	if q.About != nil {
		x.Occasion, x.Wanted = q.About.Occasion, &q.About.Facts.Wants
	}
	answer, err := d.advisor.Ask(call, q)
	if ctx.Err() != nil {
		return ctx.Err() // the end is no fault of the advisor
	}
	if errors.Is(err, context.DeadlineExceeded) || err == nil && answer.Delay > d.manners.Timeout {
		err = fmt.Errorf("no answer within %v", d.manners.Timeout)
	}
	x.At = d.env.Clock.Now().Add(min(answer.Delay, d.manners.Timeout))
	x.Took = x.At.Sub(began)
	a := &answer.Advice
	a.From, a.At, a.SeenAt, a.Expires = d.from, x.At, seen, seen.Add(d.manners.MaxAge)
	x.Answer = answer
	if d.keep(a, err) {
		d.log(err)
	}
	if err != nil {
		x.Error = err.Error()
	}
	if d.env.Tell != nil {
		d.env.Tell(x)
	}
	if errors.Is(err, ErrNoOpinion) {
		return nil
	}
	return err
}

// keep notes an answer, or why there is none, and reports whether it is news for the
// log: decisions wait for the desk's lock, and must not wait for a log.
func (d *Desk) keep(a *scale.Advice, err error) (news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.warned
	if d.asked.Before(a.SeenAt) || d.asked.After(a.At) { // else a newer question was handed over meanwhile; or the clock was set back
		d.asked = a.SeenAt
	}
	switch {
	case failed(err):
		d.fail(a.At, a.SeenAt, err)
	case err != nil:
		d.answers()
		d.said, d.failed = nil, d.silence(a.At, a.SeenAt, err)
	default:
		d.answers()
		d.before, d.said, d.failed = d.said, a, nil
	}
	return d.warned != was
}

func failed(err error) bool { return err != nil && !errors.Is(err, ErrNoOpinion) }

// answers notes that the advisor is well. The caller holds mu.
func (d *Desk) answers() { d.spoke, d.warned, d.faults, d.rests = true, false, 0, time.Time{} }

// log tells of a lasting trouble, or that it is over.
func (d *Desk) log(err error) {
	to := []any{slog.String("target", d.env.Target), slog.String("from", d.from)}
	if failed(err) {
		d.env.Log.Warn("advisor does not answer", append(to, slog.Any("error", err))...)
		return
	}
	d.env.Log.Info("advisor answers again", to...)
}

// silence is why there is no answer, told as advice.
func (d *Desk) silence(now, seen time.Time, why error) *scale.Advice {
	return &scale.Advice{From: d.from, At: now, SeenAt: seen, Expires: now.Add(mostLater), Reason: why.Error(), Failed: true}
}

// fail notes why there is no answer and rests: the more failures in a row, the
// longer. A question that we keep back ourselves is no failure of whom it was for.
// The caller holds mu.
func (d *Desk) fail(now, seen time.Time, err error) {
	var later *Later
	if errors.As(err, &later) && later.Unasked {
		d.rests, d.failed = now.Add(min(max(later.After, firstPause), mostLater)), d.silence(now, seen, err)
		return
	}
	d.faults++
	d.warned = d.warned || d.faults >= opensAfter || !d.spoke || errors.Is(err, ErrRefused)
	pause := min(firstPause<<min(d.faults-1, 10), mostPause)
	pause -= time.Duration(d.random.Float64() * float64(pause) / 2)
	if later != nil {
		pause = max(pause, min(later.After, mostLater))
	}
	d.rests = now.Add(pause)
	d.failed = d.silence(now, seen, err)
}

// Advice appends what is known at an instant: the newest answer while it is
// valid, and why there is nothing newer.
func (d *Desk) Advice(all []scale.Advice, now time.Time) []scale.Advice {
	d.mu.Lock()
	defer d.mu.Unlock()
	newest := d.said
	if newest != nil && newest.At.After(now) {
		newest = d.before
	}
	if newest != nil && now.Before(newest.Expires) && !newest.At.After(now) {
		all = append(all, *newest)
	}
	if d.failed != nil && !d.failed.At.After(now) {
		all = append(all, *d.failed)
	}
	return all
}
