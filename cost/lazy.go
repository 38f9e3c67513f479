package cost

import "encoding/json"

// Lazy is lazy capacity provisioning (Lin et al., INFOCOM 2011; Albers,
// Quedenfeld, SPAA 2018): with C_t(x) the least cost of a schedule that ends in
// x, paying β on the way up, and U_t(x) = C_t(x) − βx that of one that pays on
// the way down,
//
//	x^L = the smallest minimiser of C_t,  x^U = the largest minimiser of U_t
//	x_t = clamp(x_{t−1}, x^L, x^U)
//
// moves only when staying would have cost more than moving. It costs at most three
// times what a clairvoyant pays, beginning without replicas (β more for each that
// it begins with), and no deterministic rule promises less.
//
// Since every f_t is convex, so is C_t, and its slopes say it all. The least over
// where the schedule came from,
//
//	min( min_{y ≥ x} C(y),  βx + min_{y ≤ x} (C(y) − βy) )
//
// cuts them to 0 … β. So each replica has an account of its own, between 0 and β,
// to which its slope of each interval is added (ski rental, replica by replica);
//
//	x^L counts the accounts below 0, x^U those not above β, before they are cut.
//
// No number grows with time. Low replicas stand at exactly 0 and high ones at
// exactly β: only those between are kept, so a step takes as long as the
// demand of late was wide, whatever the most replicas are, and is exact. A limit on
// counts is a clamp of both bounds: accounts do not know of each other.
type Lazy struct {
	beta     float64
	most     int
	low      int       // replicas whose account is 0
	accounts []float64 // of those after them; all others have β
}

// NewLazy returns one that begins at initial replicas of at most so many, with
// β for each that is added.
func NewLazy(initial, most int, beta float64) *Lazy {
	l := &Lazy{most: max(0, most)}
	l.Reset(initial, beta)
	return l
}

// Reset begins anew.
func (l *Lazy) Reset(initial int, beta float64) {
	l.beta, l.low, l.accounts = max(0, beta), min(max(0, initial), l.most), l.accounts[:0]
}

// SetBeta changes what adding a replica costs from now on.
func (l *Lazy) SetBeta(beta float64) {
	l.beta = max(0, beta)
	for i, a := range l.accounts {
		l.accounts[i] = min(a, l.beta)
	}
	l.trim()
}

// Step adds an interval and returns the bounds between which the count may
// stay as it is.
func (l *Lazy) Step(f *Interval) (lower, upper int) {
	falling, flat := f.falling(l.most)
	l.reach(falling, flat)
	lower, upper = l.add(f)
	l.trim()
	return lower, upper
}

// reach keeps accounts of all replicas that do not stay at 0 or β: those beyond
// the falling ones leave 0, and those up to the flat ones may leave β.
func (l *Lazy) reach(falling, flat int) {
	if n := l.low - falling; n > 0 {
		was := len(l.accounts)
		for range n {
			l.accounts = append(l.accounts, 0)
		}
		copy(l.accounts[n:], l.accounts[:was])
		clear(l.accounts[:n])
		l.low = falling
	}
	for l.low+len(l.accounts) < flat {
		l.accounts = append(l.accounts, l.beta)
	}
}

// add adds each replica's slope to its account, counts the bounds and cuts.
func (l *Lazy) add(f *Interval) (lower, upper int) {
	lower, upper = l.low, l.low // at 0, and their slopes are below it
	rest, k := l.low, 0
	for _, r := range f.slopes {
		n := r.replicas - min(rest, r.replicas)
		rest -= r.replicas - n
		for ; n > 0 && k < len(l.accounts); n, k = n-1, k+1 {
			lower, upper = l.settle(k, r.slope, lower, upper)
		}
	}
	for ; k < len(l.accounts); k++ {
		lower, upper = l.settle(k, f.after, lower, upper)
	}
	if f.after == 0 && upper == l.low+len(l.accounts) {
		upper = l.most // nothing makes those at β dearer
	}
	return lower, upper
}

func (l *Lazy) settle(k int, slope float64, lower, upper int) (int, int) {
	a := l.accounts[k] + slope
	if a < 0 {
		lower++
	}
	if a <= l.beta {
		upper++
	}
	l.accounts[k] = min(max(a, 0), l.beta)
	return lower, upper
}

// trim forgets the accounts that stand at 0 or β.
func (l *Lazy) trim() {
	end := len(l.accounts)
	for end > 0 && l.accounts[end-1] == l.beta {
		end--
	}
	begin := 0
	for begin < end && l.accounts[begin] == 0 {
		begin++
	}
	l.low += begin
	l.accounts = l.accounts[:copy(l.accounts, l.accounts[begin:end])]
}

// falling counts the replicas that an interval makes cheaper, and with them
// those that cost it nothing.
func (i *Interval) falling(most int) (falling, flat int) {
	for _, r := range i.slopes {
		if r.slope < 0 {
			falling += r.replicas
		}
		if r.slope <= 0 {
			flat += r.replicas
		}
	}
	return min(falling, most), min(flat, most)
}

// lazyState is what a Lazy remembers.
type lazyState struct {
	Beta     float64   `json:"beta"`
	Low      int       `json:"low"`
	Accounts []float64 `json:"accounts,omitempty"`
}

// MarshalJSON writes what it remembers.
func (l *Lazy) MarshalJSON() ([]byte, error) {
	return json.Marshal(lazyState{l.beta, l.low, l.accounts})
}

// UnmarshalJSON takes over what another one remembered. Of one with more
// replicas at most, those that there can no longer be are forgotten.
func (l *Lazy) UnmarshalJSON(data []byte) error {
	var s lazyState
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	l.Reset(s.Low, s.Beta)
	l.accounts = append(l.accounts, s.Accounts[:min(len(s.Accounts), l.most-l.low)]...)
	return nil
}
