package neural

// shape is of a product C += A·B: A is rows × inner, B is inner × columns.
type shape struct{ rows, inner, columns int }

// stride is where A's elements are: A[i][p] = a[i·row + p·inner].
type stride struct{ row, inner int }

// byRows reads a matrix of so many columns as it is stored, byColumns its transpose.
func byRows(columns int) stride    { return stride{columns, 1} }
func byColumns(columns int) stride { return stride{1, columns} }

// multiplyPortable is multiply without vector instructions.
//
// C is computed in blocks of 2 × 4 sums that stay in registers, so that 8
// multiplications wait for 6 loads, and for none of each other. Each sum adds
// its products in the order of p, whatever block it is in: a row's result does
// not depend on the rows beside it.
func multiplyPortable(c, a, b []float32, s shape, at stride) {
	i := 0
	for ; i+2 <= s.rows; i += 2 {
		j := 0
		for ; j+4 <= s.columns; j += 4 {
			block2x4(c[i*s.columns+j:], a[i*at.row:], b[j:], s, at)
		}
		for ; j < s.columns; j++ {
			block1x1(c[i*s.columns+j:], a[i*at.row:], b[j:], s, at)
			block1x1(c[(i+1)*s.columns+j:], a[(i+1)*at.row:], b[j:], s, at)
		}
	}
	for ; i < s.rows; i++ {
		j := 0
		for ; j+4 <= s.columns; j += 4 {
			block1x4(c[i*s.columns+j:], a[i*at.row:], b[j:], s, at)
		}
		for ; j < s.columns; j++ {
			block1x1(c[i*s.columns+j:], a[i*at.row:], b[j:], s, at)
		}
	}
}

func block2x4(c, a, b []float32, s shape, at stride) {
	top, bottom := c[:4:4], c[s.columns:s.columns+4:s.columns+4]
	c00, c01, c02, c03 := top[0], top[1], top[2], top[3]
	c10, c11, c12, c13 := bottom[0], bottom[1], bottom[2], bottom[3]
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+s.columns {
		a0, a1 := a[pa], a[pa+at.row]
		row := b[pb : pb+4 : pb+4]
		b0, b1, b2, b3 := row[0], row[1], row[2], row[3]
		c00 += a0 * b0
		c01 += a0 * b1
		c02 += a0 * b2
		c03 += a0 * b3
		c10 += a1 * b0
		c11 += a1 * b1
		c12 += a1 * b2
		c13 += a1 * b3
	}
	top[0], top[1], top[2], top[3] = c00, c01, c02, c03
	bottom[0], bottom[1], bottom[2], bottom[3] = c10, c11, c12, c13
}

func block1x4(c, a, b []float32, s shape, at stride) {
	c = c[:4:4]
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+s.columns {
		x, row := a[pa], b[pb:pb+4:pb+4]
		c0 += x * row[0]
		c1 += x * row[1]
		c2 += x * row[2]
		c3 += x * row[3]
	}
	c[0], c[1], c[2], c[3] = c0, c1, c2, c3
}

func block1x1(c, a, b []float32, s shape, at stride) {
	sum := c[0]
	for p, pa, pb := 0, 0, 0; p < s.inner; p, pa, pb = p+1, pa+at.inner, pb+s.columns {
		sum += a[pa] * b[pb]
	}
	c[0] = sum
}

// addToPortable adds x to sum, which is as long.
func addToPortable(sum, x []float32) {
	x = x[:len(sum)]
	for i, v := range x {
		sum[i] += v
	}
}
