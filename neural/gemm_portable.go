//go:build !(goexperiment.simd && amd64)

package neural

// multiply adds A·B to C, row-major; A is read by its strides.
func multiply(c, a, b []float32, s shape, at stride) { multiplyPortable(c, a, b, s, at) }

// tanhAll replaces each number by its hyperbolic tangent; NaN stays NaN.
func tanhAll(x []float32) { tanhPortable(x) }

// tanhChain multiplies a gradient by the derivative 1 − y², y = tanh x.
func tanhChain(gradient, y []float32) { tanhChainPortable(gradient, y) }

// Add adds x to sum, which is as long.
func Add(sum, x []float32) { addToPortable(sum, x) }

// step moves the parameters against the gradient.
func (a adam) step(parameters, gradient, m, v []float32) { a.stepPortable(parameters, gradient, m, v) }
