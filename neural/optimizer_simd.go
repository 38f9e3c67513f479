//go:build goexperiment.simd && amd64

package neural

import "simd/archsimd"

// step moves the parameters against the gradient. Nothing is fused: it tells the
// same as the portable version to the last bit.
func (a adam) step(parameters, gradient, m, v []float32) {
	if !vectorized {
		a.stepPortable(parameters, gradient, m, v)
		return
	}
	rest1, rest2 := archsimd.BroadcastFloat32x8(a.rest1), archsimd.BroadcastFloat32x8(a.rest2)
	size, epsilon := archsimd.BroadcastFloat32x8(a.size), archsimd.BroadcastFloat32x8(a.epsilon)
	i := 0
	for ; i+8 <= len(parameters); i += 8 {
		g, m8, v8 := archsimd.LoadFloat32x8Slice(gradient[i:]), archsimd.LoadFloat32x8Slice(m[i:]), archsimd.LoadFloat32x8Slice(v[i:])
		m8 = m8.Add(rest1.Mul(g.Sub(m8)))
		v8 = v8.Add(rest2.Mul(g.Mul(g).Sub(v8)))
		p := archsimd.LoadFloat32x8Slice(parameters[i:])
		p.Sub(size.Mul(m8).Div(v8.Sqrt().Add(epsilon))).StoreSlice(parameters[i:])
		m8.StoreSlice(m[i:])
		v8.StoreSlice(v[i:])
	}
	a.stepPortable(parameters[i:], gradient[i:], m[i:], v[i:])
}
