package neural

// tanh by Lambert's continued fraction,
//
//	tanh x = x / (1 + x²/(3 + x²/(5 + x²/(7 + …)))),
//
// cut off after the eleventh denominator: a quotient of two polynomials in x²
// (Abramowitz and Stegun, 4.5.70). Up to tanhEnd it is off by less than 1e-6,
// and beyond, where it would begin to grow, tanh is 1 to the same accuracy. It
// takes a fifth of the time of math.Tanh, and eight at once where there are
// vectors. Coefficients are divided by the constant term.
const (
	tanhEnd   = 7.5
	tanhScale = 13749310575

	tanhP1 = 1964187225. / tanhScale
	tanhP2 = 64324260. / tanhScale
	tanhP3 = 675675. / tanhScale
	tanhP4 = 2145. / tanhScale
	tanhP5 = 1. / tanhScale

	tanhQ1 = 6547290750. / tanhScale
	tanhQ2 = 413513100. / tanhScale
	tanhQ3 = 7567560. / tanhScale
	tanhQ4 = 45045. / tanhScale
	tanhQ5 = 66. / tanhScale
)

// tanhPortable replaces each number by its hyperbolic tangent; NaN stays NaN.
func tanhPortable(x []float32) {
	for i, v := range x {
		x[i] = tanh(v)
	}
}

func tanh(x float32) float32 {
	if x > tanhEnd {
		return 1
	}
	if x < -tanhEnd {
		return -1
	}
	t := x * x
	p := ((((tanhP5*t+tanhP4)*t+tanhP3)*t+tanhP2)*t+tanhP1)*t + 1
	q := ((((tanhQ5*t+tanhQ4)*t+tanhQ3)*t+tanhQ2)*t+tanhQ1)*t + 1
	return x * p / q
}

// tanhChainPortable multiplies a gradient by the derivative 1 − y², y = tanh x.
func tanhChainPortable(gradient, y []float32) {
	y = y[:len(gradient)]
	for i, v := range y {
		gradient[i] *= 1 - v*v
	}
}
