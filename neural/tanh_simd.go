//go:build goexperiment.simd && amd64

package neural

import "simd/archsimd"

// tanhAll replaces each number by its hyperbolic tangent; NaN stays NaN.
func tanhAll(x []float32) {
	if !vectorized {
		tanhPortable(x)
		return
	}
	for ; len(x) >= 8; x = x[8:] {
		tanhOf8(archsimd.LoadFloat32x8Slice(x)).StoreSlice(x)
	}
	if len(x) > 0 {
		tanhOf8(archsimd.LoadFloat32x8SlicePart(x)).StoreSlicePart(x)
	}
}

func tanhOf8(x archsimd.Float32x8) archsimd.Float32x8 {
	end := archsimd.BroadcastFloat32x8(tanhEnd)
	// Of a NaN and a number the processor takes the second: x comes second.
	x = end.Min(archsimd.BroadcastFloat32x8(-tanhEnd).Max(x))
	one := archsimd.BroadcastFloat32x8(1)
	t := x.Mul(x)
	p := archsimd.BroadcastFloat32x8(tanhP5).MulAdd(t, archsimd.BroadcastFloat32x8(tanhP4))
	p = p.MulAdd(t, archsimd.BroadcastFloat32x8(tanhP3))
	p = p.MulAdd(t, archsimd.BroadcastFloat32x8(tanhP2))
	p = p.MulAdd(t, archsimd.BroadcastFloat32x8(tanhP1))
	p = p.MulAdd(t, one)
	q := archsimd.BroadcastFloat32x8(tanhQ5).MulAdd(t, archsimd.BroadcastFloat32x8(tanhQ4))
	q = q.MulAdd(t, archsimd.BroadcastFloat32x8(tanhQ3))
	q = q.MulAdd(t, archsimd.BroadcastFloat32x8(tanhQ2))
	q = q.MulAdd(t, archsimd.BroadcastFloat32x8(tanhQ1))
	q = q.MulAdd(t, one)
	return x.Mul(p).Div(q)
}

// tanhChain multiplies a gradient by the derivative 1 − y², y = tanh x.
func tanhChain(gradient, y []float32) {
	if vectorized {
		one := archsimd.BroadcastFloat32x8(1)
		for y = y[:len(gradient)]; len(gradient) >= 8; gradient, y = gradient[8:], y[8:] {
			v := archsimd.LoadFloat32x8Slice(y)
			archsimd.LoadFloat32x8Slice(gradient).Mul(one.Sub(v.Mul(v))).StoreSlice(gradient)
		}
	}
	tanhChainPortable(gradient, y)
}
