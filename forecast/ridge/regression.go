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
	Most         float64    // trace of P at which it forgets no further
	Overlap      float64    // √h: of errors over h steps, h equations say what one does
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
	r.Overlap = math.Sqrt(float64(horizon))
	r.Most = prior * float64(width)
	r.reset()
}

// reset forgets how sure the coefficients are, but not the coefficients.
func (r *regression) reset() {
	r.Covariance = [width]row{}
	for i := range width {
		r.Covariance[i][i] = r.Most / float64(width)
	}
}

func (r *regression) say(x *row) float64 {
	sum := 0.0
	for i, a := range r.Coefficients {
		sum += a * x[i]
	}
	return sum
}

// learn takes one equation in. An error beyond three times the usual counts as
// three times (Huber): one spike must not undo what was learnt.
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
	miss = max(-3*usual, min(miss, 3*usual))
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
	denominator, trace := lambda, 0.0
	for i := range width {
		for j := range width {
			gain[i] += r.Covariance[i][j] * x[j]
		}
		denominator += gain[i] * x[i]
		trace += r.Covariance[i][i]
	}
	if !(denominator >= lambda/2) { // rounding has broken P
		r.reset()
		return
	}
	forget := 1 / lambda
	if trace > r.Most { // nothing new is coming in
		forget = 1
	}
	for i := range width {
		share := gain[i] / denominator
		r.Coefficients[i] += share * miss
		for j := range i + 1 {
			p := (r.Covariance[i][j] - share*gain[j]) * forget
			r.Covariance[i][j], r.Covariance[j][i] = p, p
		}
	}
}
