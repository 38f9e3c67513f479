//go:build goexperiment.simd && amd64

package neural

import "simd/archsimd"

// vectorized says that the processor has what the blocks below are made of.
var vectorized = archsimd.X86.AVX2() && archsimd.X86.FMA()

// wide says that it has registers of sixteen as well.
var wide = vectorized && archsimd.X86.AVX512()

// multiply adds A·B to C, row-major; A is read by its strides.
//
// C is computed in blocks of 4 × 16 sums in eight registers of eight, or 4 × 32
// in eight of sixteen: as many fused multiply-adds in flight as two units of
// four cycles take. Each sum adds its products in the order of p whatever block
// it is in, as in the portable version, but without rounding between product
// and sum: both widths tell the same to the last bit.
func multiply(c, a, b []float32, s shape, at stride) {
	if !vectorized {
		multiplyPortable(c, a, b, s, at)
		return
	}
	i := 0
	for ; i+4 <= s.rows; i += 4 {
		rowsOf4(c[i*s.columns:], a[i*at.row:], b, s, at)
	}
	for ; i < s.rows; i++ {
		rowOf1(c[i*s.columns:], a[i*at.row:], b, s, at)
	}
}

func rowsOf4(c, a, b []float32, s shape, at stride) {
	j := 0
	for ; wide && j+32 <= s.columns; j += 32 {
		block4x32(c[j:], a, b[j:], s, at)
	}
	for ; j+16 <= s.columns; j += 16 {
		block4x16(c[j:], a, b[j:], s, at)
	}
	for ; j < s.columns; j += 8 {
		block4x8(c[j:], a, b[j:], s, at, min(8, s.columns-j))
	}
}

func rowOf1(c, a, b []float32, s shape, at stride) {
	j := 0
	for ; j+16 <= s.columns; j += 16 {
		block1x16(c[j:], a, b[j:], s, at)
	}
	for ; j < s.columns; j += 8 {
		block1x8(c[j:], a, b[j:], s, at, min(8, s.columns-j))
	}
}

func block4x32(c, a, b []float32, s shape, at stride) {
	n := s.columns
	r0, r1, r2, r3 := c[:32], c[n:n+32], c[2*n:2*n+32], c[3*n:3*n+32]
	c00, c01 := archsimd.LoadFloat32x16Slice(r0), archsimd.LoadFloat32x16Slice(r0[16:])
	c10, c11 := archsimd.LoadFloat32x16Slice(r1), archsimd.LoadFloat32x16Slice(r1[16:])
	c20, c21 := archsimd.LoadFloat32x16Slice(r2), archsimd.LoadFloat32x16Slice(r2[16:])
	c30, c31 := archsimd.LoadFloat32x16Slice(r3), archsimd.LoadFloat32x16Slice(r3[16:])
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+n {
		row := b[pb : pb+32 : pb+32]
		b0, b1 := archsimd.LoadFloat32x16Slice(row), archsimd.LoadFloat32x16Slice(row[16:])
		a0 := archsimd.BroadcastFloat32x16(a[pa])
		c00, c01 = a0.MulAdd(b0, c00), a0.MulAdd(b1, c01)
		a1 := archsimd.BroadcastFloat32x16(a[pa+at.row])
		c10, c11 = a1.MulAdd(b0, c10), a1.MulAdd(b1, c11)
		a2 := archsimd.BroadcastFloat32x16(a[pa+2*at.row])
		c20, c21 = a2.MulAdd(b0, c20), a2.MulAdd(b1, c21)
		a3 := archsimd.BroadcastFloat32x16(a[pa+3*at.row])
		c30, c31 = a3.MulAdd(b0, c30), a3.MulAdd(b1, c31)
	}
	c00.StoreSlice(r0)
	c01.StoreSlice(r0[16:])
	c10.StoreSlice(r1)
	c11.StoreSlice(r1[16:])
	c20.StoreSlice(r2)
	c21.StoreSlice(r2[16:])
	c30.StoreSlice(r3)
	c31.StoreSlice(r3[16:])
}

func block4x16(c, a, b []float32, s shape, at stride) {
	n := s.columns
	r0, r1, r2, r3 := c[:16], c[n:n+16], c[2*n:2*n+16], c[3*n:3*n+16]
	c00, c01 := archsimd.LoadFloat32x8Slice(r0), archsimd.LoadFloat32x8Slice(r0[8:])
	c10, c11 := archsimd.LoadFloat32x8Slice(r1), archsimd.LoadFloat32x8Slice(r1[8:])
	c20, c21 := archsimd.LoadFloat32x8Slice(r2), archsimd.LoadFloat32x8Slice(r2[8:])
	c30, c31 := archsimd.LoadFloat32x8Slice(r3), archsimd.LoadFloat32x8Slice(r3[8:])
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+n {
		row := b[pb : pb+16 : pb+16]
		b0, b1 := archsimd.LoadFloat32x8Slice(row), archsimd.LoadFloat32x8Slice(row[8:])
		a0 := archsimd.BroadcastFloat32x8(a[pa])
		c00, c01 = a0.MulAdd(b0, c00), a0.MulAdd(b1, c01)
		a1 := archsimd.BroadcastFloat32x8(a[pa+at.row])
		c10, c11 = a1.MulAdd(b0, c10), a1.MulAdd(b1, c11)
		a2 := archsimd.BroadcastFloat32x8(a[pa+2*at.row])
		c20, c21 = a2.MulAdd(b0, c20), a2.MulAdd(b1, c21)
		a3 := archsimd.BroadcastFloat32x8(a[pa+3*at.row])
		c30, c31 = a3.MulAdd(b0, c30), a3.MulAdd(b1, c31)
	}
	c00.StoreSlice(r0)
	c01.StoreSlice(r0[8:])
	c10.StoreSlice(r1)
	c11.StoreSlice(r1[8:])
	c20.StoreSlice(r2)
	c21.StoreSlice(r2[8:])
	c30.StoreSlice(r3)
	c31.StoreSlice(r3[8:])
}

// block4x8 computes the first width of 8 columns.
func block4x8(c, a, b []float32, s shape, at stride, width int) {
	n := s.columns
	r0, r1, r2, r3 := c[:width], c[n:n+width], c[2*n:2*n+width], c[3*n:3*n+width]
	c0, c1 := archsimd.LoadFloat32x8SlicePart(r0), archsimd.LoadFloat32x8SlicePart(r1)
	c2, c3 := archsimd.LoadFloat32x8SlicePart(r2), archsimd.LoadFloat32x8SlicePart(r3)
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+n {
		row := archsimd.LoadFloat32x8SlicePart(b[pb : pb+width])
		c0 = archsimd.BroadcastFloat32x8(a[pa]).MulAdd(row, c0)
		c1 = archsimd.BroadcastFloat32x8(a[pa+at.row]).MulAdd(row, c1)
		c2 = archsimd.BroadcastFloat32x8(a[pa+2*at.row]).MulAdd(row, c2)
		c3 = archsimd.BroadcastFloat32x8(a[pa+3*at.row]).MulAdd(row, c3)
	}
	c0.StoreSlicePart(r0)
	c1.StoreSlicePart(r1)
	c2.StoreSlicePart(r2)
	c3.StoreSlicePart(r3)
}

func block1x16(c, a, b []float32, s shape, at stride) {
	row := c[:16]
	c0, c1 := archsimd.LoadFloat32x8Slice(row), archsimd.LoadFloat32x8Slice(row[8:])
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+s.columns {
		row := b[pb : pb+16 : pb+16]
		x := archsimd.BroadcastFloat32x8(a[pa])
		c0 = x.MulAdd(archsimd.LoadFloat32x8Slice(row), c0)
		c1 = x.MulAdd(archsimd.LoadFloat32x8Slice(row[8:]), c1)
	}
	c0.StoreSlice(row)
	c1.StoreSlice(row[8:])
}

// block1x8 computes the first width of 8 columns.
func block1x8(c, a, b []float32, s shape, at stride, width int) {
	sum := archsimd.LoadFloat32x8SlicePart(c[:width])
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+s.columns {
		row := archsimd.LoadFloat32x8SlicePart(b[pb : pb+width])
		sum = archsimd.BroadcastFloat32x8(a[pa]).MulAdd(row, sum)
	}
	sum.StoreSlicePart(c[:width])
}

// Add adds x to sum, which is as long.
func Add(sum, x []float32) {
	if vectorized {
		for x = x[:len(sum)]; len(sum) >= 8; sum, x = sum[8:], x[8:] {
			archsimd.LoadFloat32x8Slice(sum).Add(archsimd.LoadFloat32x8Slice(x)).StoreSlice(sum)
		}
	}
	addToPortable(sum, x)
}
