package neural

import (
	"math"
	"math/rand/v2"
)

// orthogonal fills weights (rows × columns) with a random matrix whose rows, or
// columns, whichever are fewer, are orthogonal and of length gain: signals
// neither fade nor grow on their way through the layers (Saxe, McClelland and
// Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
// linear neural networks", ICLR 2014). Gaussian vectors are made orthogonal one
// after the other (modified Gram-Schmidt, in float64), which is the Q of their
// QR decomposition with the signs of a uniformly distributed one.
func orthogonal(weights []float32, rows, columns int, gain float32, random *rand.Rand) {
	count, length := rows, columns
	if count > length {
		count, length = length, count
	}
	basis := make([][]float64, count)
	for i := range basis {
		basis[i] = orthogonalTo(basis[:i], length, random)
	}
	for i := range rows {
		for j := range columns {
			v, at := i, j
			if rows > columns {
				v, at = j, i
			}
			weights[i*columns+j] = gain * float32(basis[v][at])
		}
	}
}

// orthogonalTo draws a vector of length 1 that is orthogonal to all of basis.
func orthogonalTo(basis [][]float64, length int, random *rand.Rand) []float64 {
	v := make([]float64, length)
	for {
		for i := range v {
			v[i] = random.NormFloat64()
		}
		for _, b := range basis {
			along := dot(v, b)
			for i := range v {
				v[i] -= along * b[i]
			}
		}
		// A draw that lies almost within the others leaves nothing but rounding.
		if norm := math.Sqrt(dot(v, v)); norm > 1e-6 {
			for i := range v {
				v[i] /= norm
			}
			return v
		}
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
