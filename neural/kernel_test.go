package neural

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func numbers(n int, seed uint64) []float32 {
	random := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

// A product is what its definition says, in float64, for sizes around the
// blocks' edges and for A as it is stored and transposed.
func TestMultiplyIsTheProduct(t *testing.T) {
	for _, rows := range []int{1, 2, 3, 4, 5, 8, 13} {
		for _, inner := range []int{1, 3, 16, 41} {
			for _, columns := range []int{1, 2, 4, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 64} {
				s := shape{rows, inner, columns}
				checkProduct(t, s, byRows(inner))
				checkProduct(t, s, byColumns(rows))
			}
		}
	}
}

func checkProduct(t *testing.T, s shape, at stride) {
	t.Helper()
	a, b := numbers(s.rows*s.inner, 1), numbers(s.inner*s.columns, 2)
	c := numbers(s.rows*s.columns, 3)
	want := make([]float64, len(c))
	for i := range s.rows {
		for j := range s.columns {
			sum := float64(c[i*s.columns+j])
			for p := range s.inner {
				sum += float64(a[i*at.row+p*at.inner]) * float64(b[p*s.columns+j])
			}
			want[i*s.columns+j] = sum
		}
	}
	portable := append([]float32(nil), c...)
	multiply(c, a, b, s, at)
	multiplyPortable(portable, a, b, s, at)
	for i := range c {
		if math.Abs(float64(c[i])-want[i]) > 1e-4 || math.Abs(float64(portable[i])-want[i]) > 1e-4 {
			t.Fatalf("%+v %+v: element %d is %v (portable %v), want %v", s, at, i, c[i], portable[i], want[i])
		}
	}
}

func TestTanhIsWithinAMillionth(t *testing.T) {
	for x := -12.0; x <= 12; x += 1.0 / 512 {
		row := []float32{float32(x), float32(x), float32(x), float32(x), float32(x), float32(x), float32(x), float32(x), float32(x)}
		tanhAll(row)
		if row[0] != row[8] {
			t.Fatalf("tanh(%v) is %v within a vector and %v beside", x, row[0], row[8])
		}
		if diff := math.Abs(float64(row[0]) - math.Tanh(x)); diff > 1e-6 || row[0] > 1 || row[0] < -1 {
			t.Fatalf("tanh(%v) = %v, want %v", x, row[0], math.Tanh(x))
		}
	}
	nan := float32(math.NaN())
	odd := []float32{nan, float32(math.Inf(1)), float32(math.Inf(-1)), 0, nan, 0, 0, 0, nan}
	tanhAll(odd)
	if odd[0] == odd[0] || odd[8] == odd[8] || odd[1] < 0.999999 || odd[1] > 1 || odd[2] != -odd[1] || odd[3] != 0 {
		t.Errorf("NaN, ±∞, 0 became %v", odd)
	}
}

func BenchmarkMultiply(b *testing.B) {
	for _, s := range []shape{{64, 40, 64}, {64, 64, 64}, {64, 64, 2}, {1, 64, 64}} {
		for _, kernel := range []struct {
			name string
			run  func(c, a, b []float32, s shape, at stride)
		}{{"fastest", multiply}, {"portable", multiplyPortable}} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s.rows, s.inner, s.columns, kernel.name), func(b *testing.B) {
				x, w, y := numbers(s.rows*s.inner, 1), numbers(s.inner*s.columns, 2), make([]float32, s.rows*s.columns)
				for b.Loop() {
					kernel.run(y, x, w, s, byRows(s.inner))
				}
				b.ReportMetric(float64(s.rows*s.inner*s.columns)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GMAC/s")
			})
		}
	}
}

func BenchmarkTanh(b *testing.B) {
	x := numbers(4096, 1)
	for b.Loop() {
		tanhAll(x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/tanh")
}

// However many numbers the processor steps at once, each moves as one alone does.
func TestAStepOfAdamIsTheSameForEachNumber(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 64, 101} {
		a := adam{0.1, 0.001, 0.003, 1e-5}
		p, m, v := numbers(n, 1), numbers(n, 2), numbers(n, 3)
		for i := range v {
			v[i] *= v[i]
		}
		same, sameM, sameV := slices.Clone(p), slices.Clone(m), slices.Clone(v)
		for k := range uint64(3) {
			a.step(p, numbers(n, 4+k), m, v)
			a.stepPortable(same, numbers(n, 4+k), sameM, sameV)
		}
		if !slices.Equal(p, same) || !slices.Equal(m, sameM) || !slices.Equal(v, sameV) {
			t.Errorf("%d parameters: %v, %v, %v, want %v, %v, %v", n, p, m, v, same, sameM, sameV)
		}
	}
}
