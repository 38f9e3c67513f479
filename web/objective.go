package web

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
)

// ObjectiveStatus says how far an objective was kept. Durations are in
// seconds, shares 0..1.
type ObjectiveStatus struct {
	Threshold float64 `json:"threshold"`
	Target    float64 `json:"target"`
	Window    float64 `json:"window"`
	// Covered is the part of the window that was watched: the window, or less
	// when the server has not run that long.
	Covered float64 `json:"covered"`
	// Requests is how many requests the share is of; 0 means met.
	Requests Number `json:"requests"`
	Good     Number `json:"good"` // share of good requests; null without requests
	Met      bool   `json:"met"`
	// RecentGood is the share over the last minute; null without requests.
	RecentGood Number `json:"recentGood"`
}

// ledgerSlots is how finely the window is cut: the oldest slot leaves as a
// whole, so the window is known to 1/360, 10 s in an hour.
const ledgerSlots = 360

// recentWindow is what "now" means for an objective.
const recentWindow = time.Minute

// ledger counts all and bad requests over a sliding window in slots, so that a
// window of weeks costs as little as one of minutes.
type ledger struct {
	window time.Duration
	slots  [ledgerSlots]struct{ number, all, bad float64 }
}

func (l *ledger) width() float64 { return l.window.Seconds() / ledgerSlots }

func (l *ledger) add(at time.Time, all, bad float64) {
	l.addSlot(math.Floor(unix(at)/l.width()), all, bad)
}

func (l *ledger) addSlot(number, all, bad float64) {
	slot := &l.slots[int(math.Mod(number, ledgerSlots))]
	if slot.number > number {
		return // a round ago: out of the window
	}
	if slot.number != number {
		slot.number, slot.all, slot.bad = number, 0, 0
	}
	slot.all += all
	slot.bad += bad
}

func (l *ledger) sum(now time.Time) (all, bad float64) {
	newest := math.Floor(unix(now) / l.width())
	for i := range l.slots {
		if age := newest - l.slots[i].number; age >= 0 && age < ledgerSlots {
			all += l.slots[i].all
			bad += l.slots[i].bad
		}
	}
	return all, bad
}

// keeper judges one objective from reports.
type keeper struct {
	objective    scale.Objective
	whole        ledger
	recent       ledger
	since, until time.Time // first and newest report
	open         undecided
	all, bad     float64 // of reports since it was made
}

// undecided are requests of which none had ended when they were reported: those
// that wait for a service that hangs. They are judged with the next that are.
type undecided struct {
	all   float64
	since time.Time
}

// longestOpen is how long requests are kept in mind until others are judged. It
// is longer than a balancer waits for an answer: 60 s in most.
const longestOpen = 2 * time.Minute

func (u *undecided) add(at time.Time, all float64) {
	if u.all == 0 || at.Sub(u.since) > longestOpen {
		*u = undecided{since: at}
	}
	u.all += all
}

// take returns how many there are, and forgets them.
func (u *undecided) take(at time.Time) (all float64) {
	if at.Sub(u.since) <= longestOpen {
		all = u.all
	}
	*u = undecided{}
	return all
}

func newKeeper(o scale.Objective) *keeper {
	return &keeper{objective: o, whole: ledger{window: o.Window.Std()}, recent: ledger{window: recentWindow}}
}

// add counts the requests of one report: rate × time since the last one. What
// happened in a gap longer than the rate's own window is not known and not
// counted.
func (k *keeper) add(r control.Report) {
	if k.since.IsZero() {
		k.since = r.At
	}
	rate := wholeSample(r, scale.RequestRate)
	if rate == nil || !(rate.Value >= 0) || math.IsInf(rate.Value, 0) {
		return
	}
	k.count(r.At, rate.Value, rate.Window, judge(r, rate.Value, k.objective))
}

// share is the share of bad requests among those that were judged.
type share struct {
	bad   float64
	known bool // some were
}

// count adds what was measured until an instant.
func (k *keeper) count(at time.Time, rate float64, window time.Duration, v share) {
	gap := at.Sub(k.until)
	if k.until.IsZero() {
		gap = time.Second
	}
	if gap <= 0 {
		return
	}
	k.until = at
	if k.since.IsZero() {
		k.since = at
	}
	all := rate * min(gap, max(window, time.Second)).Seconds()
	if !v.known {
		if all > 0 {
			k.open.add(at, all)
		}
		return
	}
	all += k.open.take(at)
	k.whole.add(at, all, all*v.bad)
	k.recent.add(at, all, all*v.bad)
	k.all, k.bad = k.all+all, k.bad+all*v.bad
}

// precede adds what was counted before the start.
func (k *keeper) precede(past *keeper) {
	if !past.since.IsZero() && (k.since.IsZero() || past.since.Before(k.since)) {
		k.since = past.since
	}
	for _, pair := range [][2]*ledger{{&k.whole, &past.whole}, {&k.recent, &past.recent}} {
		for _, slot := range pair[1].slots {
			if slot.all > 0 {
				pair[0].addSlot(slot.number, slot.all, slot.bad)
			}
		}
	}
}

// judge returns the share of bad requests. A source that does not measure it but
// has a histogram is read from that: too slow or failed, whichever is more. A
// share of none where nothing arrives and nothing was answered is of no request.
func judge(r control.Report, rate float64, o scale.Objective) share {
	latency := wholeSample(r, scale.Latency)
	if s := wholeSample(r, scale.ViolationRatio); s != nil && Number(s.Value).Known() {
		return share{min(1, max(0, s.Value)), rate > 0 || s.Value > 0 || latency != nil}
	}
	if rate == 0 || latency == nil || latency.Distribution == nil {
		return share{}
	}
	bad := latency.Distribution.ShareAbove(o.Threshold.Std().Seconds())
	if e := wholeSample(r, scale.ErrorRate); e != nil && Number(e.Value).Known() {
		bad = max(bad, e.Value/rate)
	}
	return share{min(1, bad), true}
}

func wholeSample(r control.Report, signal string) *scale.Sample {
	for i := range r.Samples {
		if s := &r.Samples[i]; s.Signal == signal && s.Replica == "" {
			return s
		}
	}
	return nil
}

func (k *keeper) status(now time.Time) *ObjectiveStatus {
	window := k.objective.Window.Std()
	all, bad := k.whole.sum(now)
	recentAll, recentBad := k.recent.sum(now)
	covered := 0.0
	if !k.since.IsZero() {
		covered = min(now.Sub(k.since), window).Seconds()
	}
	good := Number(1 - bad/all) // 0/0: unknown
	return &ObjectiveStatus{
		Threshold:  k.objective.Threshold.Std().Seconds(),
		Target:     k.objective.Target,
		Window:     window.Seconds(),
		Covered:    covered,
		Requests:   Number(math.Round(all)),
		Good:       good,
		Met:        !(float64(good) < k.objective.Target),
		RecentGood: Number(1 - recentBad/recentAll),
	}
}
