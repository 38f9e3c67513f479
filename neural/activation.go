package neural

import "math"

// apply replaces each sum by what the activation makes of it.
func (a Activation) apply(x []float32) {
	switch a {
	case Tanh:
		tanhAll(x)
	case ReLU:
		for i, v := range x {
			// NaN stays NaN: a broken input must not come out as a number.
			if v < 0 {
				x[i] = 0
			}
		}
	case Sigmoid:
		for i, v := range x {
			x[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	}
}

// chain multiplies ∂loss/∂y by the activation's derivative, told by its output y.
func (a Activation) chain(gradient, y []float32) {
	y = y[:len(gradient)]
	switch a {
	case Tanh:
		tanhChain(gradient, y)
	case ReLU:
		for i, v := range y {
			if v <= 0 {
				gradient[i] = 0
			}
		}
	case Sigmoid:
		for i, v := range y {
			gradient[i] *= v * (1 - v)
		}
	}
}
