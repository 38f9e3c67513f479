package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// calm are the moments at low load: nothing starts, nothing fails, and on each
// replica are as few requests in progress as in the lowest quarter, or fewer
// than half the slots where those are known. Requests hardly wait then.
func (h *History) calm(s *Service) []int {
	var fit []int
	for i := range h.Moments {
		if h.steady(i) && known(h.load(i)) {
			fit = append(fit, i)
		}
	}
	slices.SortStableFunc(fit, func(a, b int) int { return compare(h.load(a), h.load(b)) })
	quarter := min(len(fit), max(leastMoments, len(fit)/4))
	if s != nil && s.Slots > 0 {
		half := quarter
		for half < len(fit) && h.Moments[fit[half]].perReplica() <= 0.5*float64(s.Slots) {
			half++
		}
		quarter = half
	}
	return fit[:quarter]
}

// enoughRequests is how many a moment must hold to say something of latency.
const enoughRequests = 20

// steady reports whether a moment says something of a service at rest.
func (h *History) steady(i int) bool {
	m := &h.Moments[i]
	return m.Requests() >= enoughRequests && !(m.Errors > 0.01*m.Rate) && !(m.Starting > 0) && !(m.Held > 0)
}

// load orders moments by how busy a replica is, as far as it is known.
func (h *History) load(i int) float64 {
	m := &h.Moments[i]
	for _, v := range []float64{m.perReplica(), m.CPU, m.Rate / m.Ready, m.response()} {
		if known(v) && !math.IsInf(v, 0) {
			return v
		}
	}
	return math.NaN()
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// mean is the time of a request on a slot: by Little's law requests in progress
// over requests per second, where hardly any waits.
func (c *calibration) mean() error {
	if c.given.Mean > 0 {
		c.Mean = c.given.Mean
		c.say("service mean", c.Mean, "s", Given, "--service-mean")
		return nil
	}
	little, direct := []float64{}, []float64{}
	weights, sum, requests := 0, 0.0, 0.0
	for _, i := range c.calm(c.Service) {
		m := &c.Moments[i]
		if known(m.Concurrency) {
			little = append(little, m.response())
			sum, requests, weights = sum+m.Concurrency*m.seconds(), requests+m.Requests(), weights+1
		} else if known(m.Mean) {
			direct = append(direct, m.Mean)
		}
	}
	histogram := c.histogram()
	switch {
	case weights >= leastMoments:
		c.Mean = sum / requests
		c.say("service mean", c.Mean, "s", Measured, "requests in progress over requests per second (Little) in %d moments at low load; half of them within %.1f %%", weights, 100*spreadOf(little))
	case len(direct) >= leastMoments:
		c.Mean = median(direct)
		c.say("service mean", c.Mean, "s", Measured, "mean latency in %d moments at low load; half of them within %.1f %%", len(direct), 100*spreadOf(direct))
	case histogram.fits():
		mu, sigma := histogram.lognormal()
		c.Mean = math.Exp(mu + sigma*sigma/2)
		c.say("service mean", c.Mean, "s", Measured, "lognormal fitted to the latency histogram at low load")
	default:
		return c.meanOfCPU()
	}
	return nil
}

// meanOfCPU is what is left where nobody measured latency: how many requests a
// replica answers per CPU, which says capacity but no time.
func (c *calibration) meanOfCPU() error {
	var capacity []float64
	for i := range c.Moments {
		if m := &c.Moments[i]; c.steady(i) && m.CPU > 0.05 && m.Ready > 0 {
			capacity = append(capacity, m.Rate/m.Ready/m.CPU)
		}
	}
	if len(capacity) < leastMoments || c.given.Slots == 0 {
		return errors.New("service mean: nothing recorded tells how long a request takes; give --service-mean, or a query of latency or concurrency; with CPU recorded --concurrency is enough")
	}
	per := median(capacity)
	c.Mean = float64(c.given.Slots) / per
	c.say("service mean", c.Mean, "s", Assumed, "from CPU alone: a replica answers %.3g requests per second at 100 %%, and --concurrency of them are in progress then", per)
	return nil
}

// spreadOf is half the distance of the quartiles over the median.
func spreadOf(values []float64) float64 {
	values = slices.Clone(values)
	return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / quantile(values, 0.5)
}

// slots is how many requests one replica has in progress at once: from CPU,
// which is used up when all slots are busy; from what full replicas answer;
// else at least as many as were seen in progress without waiting.
func (c *calibration) slots() error {
	c.fitCPU()
	if c.given.Slots > 0 {
		c.Slots = c.given.Slots
		c.say("slots", float64(c.Slots), "", Given, "--concurrency")
		return nil
	}
	full, moments := c.fullAnswers()
	seenFull := moments >= leastMoments
	exact := 1 / c.slope
	switch agree := math.Abs(full/exact-1) <= 0.1; {
	case c.slope > 0 && c.bound && (!seenFull || agree):
		c.slotsOfCPU(exact, full, seenFull)
	case seenFull:
		c.Slots = max(1, int(math.Round(full)))
		how := ""
		if c.slope > 0 && c.bound {
			how = fmt.Sprintf("; by CPU alone it were %.2f", exact)
		}
		c.say("slots", float64(c.Slots), "", Measured, "what full replicas answered in %d moments, times the service mean: %.2f%s", moments, full, how)
	default:
		return c.atLeastSlots()
	}
	return nil
}

// slotsOfCPU takes as many slots as use up what a replica requests.
func (c *calibration) slotsOfCPU(exact, full float64, seenFull bool) {
	c.Slots = max(1, int(math.Round(exact)))
	how := fmt.Sprintf("CPU grows by %.3g for each request that a replica serves, so %.2f use all that it requests", c.slope, exact)
	if math.Abs(exact-float64(c.Slots)) > 0.25 {
		how += "; not sure: it is no whole number"
	}
	if seenFull {
		how += fmt.Sprintf("; full replicas answered as %.2f do", full)
	} else {
		how += "; nothing confirms it, for replicas were never full for long"
	}
	c.say("slots", float64(c.Slots), "", Measured, "%s", how)
}

// hardlyWaiting is the mean response over the mean service up to which
// requests hardly wait.
const hardlyWaiting = 1.3

// fitCPU is the slope of CPU over the requests that are served on each replica
// (by Little's law), through the origin, where requests hardly wait.
func (c *calibration) fitCPU() {
	xy, xx, most, n := 0.0, 0.0, 0.0, 0
	for i := range c.Moments {
		m := &c.Moments[i]
		x := m.Rate * c.Mean / m.Ready
		if c.steady(i) && m.Ready > 0 && known(x, m.CPU) && !(m.response() > hardlyWaiting*c.Mean) && c.still(i) {
			xy, xx, n = xy+x*m.CPU, xx+x*x, n+1
			most = max(most, m.CPU)
		}
	}
	if n >= leastMoments && xx > 0 {
		c.slope, c.bound = xy/xx, most >= hardlyAny
	}
}

// hardlyAny is the share of its CPU below which a service is not bound by it,
// as far as anybody saw.
const hardlyAny = 0.05

// still reports whether the ready replicas were as many at the moments before:
// windows reach back.
func (h *History) still(i int) bool {
	window := max(h.RateWindow, h.CPUWindow)
	for j := i - 1; j >= 0 && h.Moments[i].At.Sub(h.Moments[j].At) <= window; j-- {
		if h.Moments[j].Ready != h.Moments[i].Ready {
			return false
		}
	}
	return i > 0
}

// fullAnswers are the slots that explain what replicas answered while requests
// took more than twice their service: answers are arrivals less what the
// requests in progress grew by.
func (c *calibration) fullAnswers() (slots float64, moments int) {
	var found []float64
	for i := 1; i+1 < len(c.Moments); i++ {
		before, m, after := &c.Moments[i-1], &c.Moments[i], &c.Moments[i+1]
		if m.response() < 2*c.Mean || !(m.Ready > 0) || before.Ready != m.Ready || after.Ready != m.Ready || m.Starting > 0 {
			continue
		}
		answers := m.Rate - m.Errors
		if c.Arrivals {
			answers -= (after.Concurrency - before.Concurrency) / after.At.Sub(before.At).Seconds()
		}
		if known(answers) && answers > 0 {
			found = append(found, answers/m.Ready*c.Mean)
		}
	}
	return median(found), len(found)
}

// atLeastSlots is what is left where nothing shows how much a replica can do.
func (c *calibration) atLeastSlots() error {
	var seen []float64
	for i := range c.Moments {
		if m := &c.Moments[i]; c.steady(i) && known(m.perReplica()) && m.response() <= hardlyWaiting*c.Mean {
			seen = append(seen, m.perReplica())
		}
	}
	if len(seen) < leastMoments {
		// By Little's law in place of a measurement.
		for i := range c.Moments {
			if m := &c.Moments[i]; c.steady(i) && m.Ready > 0 {
				seen = append(seen, m.Rate*c.Mean/m.Ready)
			}
		}
	}
	if len(seen) < leastMoments {
		return errors.New("slots: nothing recorded tells how many requests a replica has in progress at once (no replica counts); give --concurrency, or a query of the replicas")
	}
	c.Slots = max(1, int(math.Ceil(quantile(seen, 0.98))))
	c.say("slots", float64(c.Slots), "", Assumed, "the most that were in progress on a replica without waiting: it may well carry more, then every policy is shown too dear; give --concurrency if you know it")
	return nil
}

// refine takes the mean once more where fewer than half the slots are known to
// have been busy.
func (c *calibration) refine() {
	if c.given.Mean == 0 && c.given.Slots == 0 && c.origin("service mean") == Measured {
		_ = c.mean() // there was one before, from fewer moments
	}
}

func (c *calibration) origin(name string) Origin {
	for _, v := range c.Values {
		if v.Name == name {
			return v.Origin
		}
	}
	return ""
}

// histogram is the latencies at low load.
func (c *calibration) histogram() *Buckets {
	sum := map[float64]float64{}
	for _, i := range c.calm(c.Service) {
		if b := c.Moments[i].Buckets; b != nil {
			for k, edge := range b.Edges {
				sum[edge] += b.Counts[k]
			}
		}
	}
	return newBuckets(sum)
}

// z95 is the quantile of the normal distribution.
const z95 = 1.6448536269514722

// spread is the coefficient of variation, of a lognormal with the quantiles of
// the latency at low load: ln(p95/p50) = 1.645 σ, cv² = e^σ² − 1.
func (c *calibration) spread() {
	if c.given.HasCV {
		c.CV = c.given.CV
		c.say("service cv", c.CV, "", Given, "--service-cv")
		return
	}
	var sigmas []float64
	for _, i := range c.calm(c.Service) {
		m := &c.Moments[i]
		if !(m.Requests() >= 5*enoughRequests && m.P50 > 0 && m.P95 >= m.P50) {
			continue
		}
		sigmas = append(sigmas, math.Log(m.P95/m.P50)/z95)
	}
	histogram := c.histogram()
	switch {
	case histogram.fits():
		_, sigma := histogram.lognormal()
		c.CV = math.Sqrt(math.Expm1(sigma * sigma))
		c.say("service cv", c.CV, "", Measured, "lognormal fitted to the latency histogram at low load")
	case len(sigmas) >= leastMoments:
		sigma := median(sigmas)
		c.CV = math.Sqrt(math.Expm1(sigma * sigma))
		c.say("service cv", c.CV, "", Measured, "p95 over p50 in %d moments at low load, as of a lognormal", len(sigmas))
	default:
		c.CV = assumedCV
		c.say("service cv", c.CV, "", Assumed, "no distribution of the latency was recorded; give --service-cv")
	}
}

// cpu is how much of the CPU it requests a replica uses with all slots busy.
func (c *calibration) cpu() {
	if c.slope <= 0 {
		c.say("CPU when full", 1, "", Assumed, "CPU was not measured: all slots busy use what is requested")
		return
	}
	c.CPUFull = c.slope * float64(c.Slots)
	c.say("CPU when full", c.CPUFull, "", Measured, "CPU used by requested with all slots busy")
}

// startup is the time from asking for replicas until they are ready, which is
// seen as exactly as counts are told.
func (c *calibration) startup() {
	if c.given.HasStartup {
		c.Startup = c.given.Startup
		c.say("start-up", c.Startup.Seconds(), "s", Given, "--startup")
		return
	}
	low, high := c.startups()
	if len(low) == 0 {
		c.Startup = assumedStartup
		c.say("start-up", c.Startup.Seconds(), "s", Assumed, "no replica was seen starting; give --startup")
		return
	}
	a, b := median(low), median(high)
	c.Startup = time.Duration((a + b) / 2 * float64(time.Second)).Round(100 * time.Millisecond)
	if a == b {
		c.say("start-up", c.Startup.Seconds(), "s", Measured, "from asking until all are ready: median of %d scale-ups, nine in ten within %.3g s", len(low), quantile(high, 0.9))
		return
	}
	c.say("start-up", c.Startup.Seconds(), "s", Measured, "between %.3g and %.3g s: median of %d scale-ups, from asking until all are ready; as exact as the steps of the record", a, b, len(low))
}

// startups are, for each time more replicas were asked for while none was
// starting, the bounds of the seconds until all were ready.
func (c *calibration) startups() (low, high []float64) {
	for i := 1; i < len(c.Moments); i++ {
		before, m := &c.Moments[i-1], &c.Moments[i]
		if !(m.Asked > before.Asked) || before.Ready != before.Asked || m.At.Sub(before.At) > 3*c.Step {
			continue
		}
		asked := m.At.Add(-c.Step / 2) // some time between the two
		slack := c.Step.Seconds() / 2
		if at, known := c.changedAt(before.At, m.At); known {
			asked, slack = at, 0
		}
		for j := i; j < len(c.Moments) && c.Moments[j].Asked >= m.Asked; j++ {
			if c.Moments[j].Ready < m.Asked {
				continue
			}
			if since := c.Moments[j].ReadySince; slack == 0 && since.After(asked) && !since.After(c.Moments[j].At) {
				low, high = append(low, since.Sub(asked).Seconds()), append(high, since.Sub(asked).Seconds())
				break
			}
			low = append(low, max(0, c.Moments[j-1].At.Sub(asked).Seconds()-slack))
			high = append(high, c.Moments[j].At.Sub(asked).Seconds()+slack)
			break
		}
	}
	return low, high
}

// changedAt is when the executor changed the count between two moments.
func (h *History) changedAt(from, to time.Time) (time.Time, bool) {
	for _, change := range h.Changes {
		if !change.At.Before(from) && change.At.Before(to) && change.To > change.From {
			return change.At, true
		}
	}
	return time.Time{}, false
}
