package neural

import "math"

// Adam is the optimiser of Kingma and Ba, "Adam: A Method for Stochastic
// Optimization", ICLR 2015, algorithm 1. With g the gradient of step t:
//
//	m ← β₁·m + (1−β₁)·g      v ← β₂·v + (1−β₂)·g²
//	θ ← θ − rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)
//
// Its fields are its whole state, for checkpoints.
type Adam struct {
	Beta1, Beta2, Epsilon float64
	Steps                 int
	M, V                  []float32
}

// NewAdam is Adam for so many parameters, with β₁ = 0.9 and β₂ = 0.999. Epsilon
// is 1e-8 in the paper and in most libraries, 1e-5 in PPO's reference.
func NewAdam(parameters int, epsilon float64) *Adam {
	return &Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: epsilon,
		M: make([]float32, parameters), V: make([]float32, parameters)}
}

// Step moves the parameters against the gradient.
func (a *Adam) Step(parameters, gradient []float32, rate float64) {
	a.Steps++
	correct1 := 1 - math.Pow(a.Beta1, float64(a.Steps))
	correct2 := 1 - math.Pow(a.Beta2, float64(a.Steps))
	// The corrections are moved out of the loop: m/c₁ / (√(v/c₂)+ε) = (√c₂/c₁)·m / (√v + ε√c₂).
	size := float32(rate * math.Sqrt(correct2) / correct1)
	epsilon := float32(a.Epsilon * math.Sqrt(correct2))
	n := len(parameters)
	adam{1 - float32(a.Beta1), 1 - float32(a.Beta2), size, epsilon}.step(parameters, gradient[:n], a.M[:n], a.V[:n])
}

// adam are the factors of one step: 1−β₁, 1−β₂, the size of the step and ε, both
// corrected.
type adam struct{ rest1, rest2, size, epsilon float32 }

func (a adam) stepPortable(parameters, gradient, m, v []float32) {
	for i, g := range gradient {
		m[i] += a.rest1 * (g - m[i])
		v[i] += a.rest2 * (g*g - v[i])
		parameters[i] -= a.size * m[i] / (sqrt(v[i]) + a.epsilon)
	}
}

// RMSProp divides each step by a moving root mean square of its gradients
// (Tieleman and Hinton, 2012), with ε outside the root as in PyTorch;
// TensorFlow has it inside, which makes the first steps smaller:
//
//	v ← α·v + (1−α)·g²      θ ← θ − rate · g/(√v + ε)
//
// Its fields are its whole state, for checkpoints.
type RMSProp struct {
	Alpha, Epsilon float64
	V              []float32
}

// NewRMSProp is RMSProp for so many parameters, with α = 0.99.
func NewRMSProp(parameters int, epsilon float64) *RMSProp {
	return &RMSProp{Alpha: 0.99, Epsilon: epsilon, V: make([]float32, parameters)}
}

// Step moves the parameters against the gradient.
func (r *RMSProp) Step(parameters, gradient []float32, rate float64) {
	alpha, epsilon, size := float32(r.Alpha), float32(r.Epsilon), float32(rate)
	v, gradient := r.V[:len(parameters)], gradient[:len(parameters)]
	for i, g := range gradient {
		v[i] += (1 - alpha) * (g*g - v[i])
		parameters[i] -= size * g / (sqrt(v[i]) + epsilon)
	}
}

// ClipNorm shrinks the gradients, all by one factor, to a length of at most
// limit, as if they were one vector. It returns the length they had; one that
// is not finite is left as it is, for the caller to refuse.
func ClipNorm(limit float64, gradients ...[]float32) float64 {
	squares := 0.0
	for _, gradient := range gradients {
		squares += sumOfSquares(gradient)
	}
	norm := math.Sqrt(squares)
	if norm > limit && !math.IsInf(norm, 0) {
		factor := float32(limit / norm)
		for _, gradient := range gradients {
			for i := range gradient {
				gradient[i] *= factor
			}
		}
	}
	return norm
}

// sumOfSquares adds in four sums that do not wait for each other.
func sumOfSquares(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		s0 += float64(x[0]) * float64(x[0])
		s1 += float64(x[1]) * float64(x[1])
		s2 += float64(x[2]) * float64(x[2])
		s3 += float64(x[3]) * float64(x[3])
	}
	for _, v := range x {
		s0 += float64(v) * float64(v)
	}
	return s0 + s1 + s2 + s3
}

// Finite reports whether no number is NaN or infinite.
func Finite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
