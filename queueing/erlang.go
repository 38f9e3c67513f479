package queueing

import "math"

// ErlangB is the share of requests that find all of c servers busy and go
// away, at an offered load of a = arrival rate / service rate (Erlang 1917),
// by the recursion B₀ = 1, Bₖ = a·Bₖ₋₁ / (k + a·Bₖ₋₁), which neither overflows
// nor cancels.
func ErlangB(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b
}

// ErlangC is the share of requests that find all of c servers busy and wait, at
// an offered load of a: C = B / (1 − ρ(1 − B)), ρ = a/c. It is 1 when the
// servers cannot carry the load.
func ErlangC(c int, a float64) float64 {
	if c <= 0 || a >= float64(c) {
		return 1
	}
	return waiting(ErlangB(c, a), c, a)
}

// waiting turns Erlang's B into his C.
func waiting(b float64, c int, a float64) float64 {
	return b / (1 - a/float64(c)*(1-b))
}

// MMc is a queue with Poisson arrivals, exponential services, one line and
// Servers servers. Rates are per second, times seconds.
type MMc struct {
	Servers     int
	ArrivalRate float64
	ServiceRate float64 // of one server
}

// Load is the offered load: the mean number of busy servers, if they suffice.
func (q MMc) Load() float64 { return q.ArrivalRate / q.ServiceRate }

// Stable reports whether the servers carry the load.
func (q MMc) Stable() bool { return q.Load() < float64(q.Servers) }

// spare is the rate at which the line gets shorter.
func (q MMc) spare() float64 { return float64(q.Servers)*q.ServiceRate - q.ArrivalRate }

// MeanWait is the mean time before service begins: C/(cμ−λ); infinite when the
// queue is not stable.
func (q MMc) MeanWait() float64 {
	if !q.Stable() {
		return math.Inf(1)
	}
	return ErlangC(q.Servers, q.Load()) / q.spare()
}

// WaitTail is the share of requests that wait longer than t: C·e^−(cμ−λ)t.
func (q MMc) WaitTail(t float64) float64 {
	if !q.Stable() {
		return 1
	}
	return ErlangC(q.Servers, q.Load()) * math.Exp(-q.spare()*t)
}

// WaitQuantile is the time that a share p of the requests waits at most:
// ln(C/(1−p))/(cμ−λ), and 0 where fewer than 1−p wait at all.
func (q MMc) WaitQuantile(p float64) float64 {
	if !q.Stable() {
		return math.Inf(1)
	}
	return max(0, math.Log(ErlangC(q.Servers, q.Load())/(1-p))/q.spare())
}

// ResponseTail is the share of requests that take longer than t from their
// arrival to the end of their service. The wait is 0 with probability 1−C and
// exponential else; its sum with an exponential service gives
//
//	e^−μt · (1 + C·(1 − e^−μt(c−1−a)) / (c−1−a)),   with c−1−a → 0:  e^−μt · (1 + C·μt)
func (q MMc) ResponseTail(t float64) float64 {
	if !q.Stable() {
		return 1
	}
	a, mu := q.Load(), q.ServiceRate
	c, rest := ErlangC(q.Servers, a), float64(q.Servers)-1-a
	grown := mu * t // (1 − e^−μt·rest)/rest as rest → 0
	if math.Abs(rest)*mu*t > 1e-9 {
		grown = -math.Expm1(-mu*t*rest) / rest
	}
	return min(1, math.Exp(-mu*t)*(1+c*grown))
}
