package ridge

import "math"

// regression is recursive least squares of one horizon.
//
//	g = P·x / (λ + xᵀ·P·x)     a += g·e     P = (P − g·(P·x)ᵀ) / λ
//
// Each equation is divided by the size of its regressors and the usual error:
// so loads of any size are learnt alike, and quiet ones exactly.
type regression struct {
	Coefficients row
	Covariance   [width]row // P
	Prior        float64    // variance of a coefficient before anything is known
	Every        int64      // steps from one equation to the next: long ones overlap and say little new
	Overlap      float64    // √ of how many still overlap; together they weigh as one
	Noise        float64    // mean absolute error relative to the regressors
	Seen         float64
}

// start is an exponential smoothing that reaches back the further the further
// it looks ahead.
func (r *regression) start(prior float64, horizon int) {
	first := 1
	if horizon > 6 {
		first = 2
	}
	r.Coefficients[first-1], r.Coefficients[first] = 0.5, 0.5
	r.Every = every(horizon)
	r.Overlap = math.Sqrt(float64(horizon) / float64(r.Every))
	r.Prior = prior
	r.reset()
}

// every is how many steps there are from one equation of a horizon to the next.
func every(horizon int) int64 { return int64(max(1, horizon/3)) }

// reset forgets how sure the coefficients are, but not the coefficients.
func (r *regression) reset() {
	r.Covariance = [width]row{}
	for i := range width {
		r.Covariance[i][i] = r.Prior
	}
}

func (r *regression) say(x *row) float64 {
	sum := 0.0
	for i, a := range r.Coefficients {
		sum += a * x[i]
	}
	return sum
}

// learn takes one equation in. An error beyond twice the usual counts as
// twice (Huber), so that it is the usual load that is learnt, not the spikes.
func (r *regression) learn(x *row, z, lambda float64) {
	size := 0.0
	for _, v := range x {
		size += v * v
	}
	if size = math.Sqrt(size / float64(width)); size < 1e-100 {
		return
	}
	miss := (z - r.say(x)) / size
	usual := r.usual(miss)
	miss = max(-2*usual, min(miss, 2*usual))
	usual *= r.Overlap
	for i := range x {
		x[i] /= size * usual
	}
	r.update(x, miss/usual, lambda)
}

// usual is the mean absolute error of the last fifty equations.
func (r *regression) usual(miss float64) float64 {
	r.Seen++
	miss = math.Abs(miss)
	if r.Seen > 10 {
		miss = min(miss, 10*max(r.Noise, 0.01))
	}
	r.Noise += (miss - r.Noise) / min(r.Seen, 50)
	return max(r.Noise, 1e-3)
}

func (r *regression) update(x *row, miss, lambda float64) {
	var gain row
	denominator := lambda
	for i := range width {
		p, sum := &r.Covariance[i], 0.0
		for j := range width {
			sum += p[j] * x[j]
		}
		gain[i] = sum
		denominator += sum * x[i]
	}
	if !(denominator >= lambda/2) { // rounding has broken P
		r.reset()
		return
	}
	step, forget := 1/denominator, 1/lambda
	for i := range width {
		share := gain[i] * step
		r.Coefficients[i] += share * miss
		p := &r.Covariance[i]
		for j := range width {
			p[j] = (p[j] - share*gain[j]) * forget
		}
	}
	for i := range width {
		r.limit(i)
	}
}

// limit keeps the variance of a coefficient of which nothing new is learnt at
// that of the beginning: it would grow without end. Row and column are shrunk
// alike, so P stays a covariance; and made alike, which rounding undoes.
func (r *regression) limit(i int) {
	shrink := 1.0
	if v := r.Covariance[i][i]; v > r.Prior {
		shrink = math.Sqrt(r.Prior / v)
		r.Covariance[i][i] = r.Prior
	}
	for j := range i {
		p := (r.Covariance[i][j] + r.Covariance[j][i]) / 2 * shrink
		r.Covariance[i][j], r.Covariance[j][i] = p, p
	}
	if shrink < 1 {
		for j := i + 1; j < width; j++ {
			r.Covariance[i][j] *= shrink
			r.Covariance[j][i] *= shrink
		}
	}
}
