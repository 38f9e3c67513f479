package sqlite

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/record/recordtest"
	"github.com/flyball-io/flyball/scale"
)

// Every field of every type comes back, also one that is added tomorrow.
func TestEveryFieldComesBack(t *testing.T) {
	for name, e := range map[string]record.Entry{
		"decided": {Decided: new(record.Decided)}, "applied": {Applied: new(record.Applied)}, "event": {Event: new(record.Event)},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			fill(t, reflect.ValueOf(&e.Target).Elem(), &n)
			fill(t, reflect.ValueOf(&e.At).Elem(), &n)
			for _, part := range []any{e.Decided, e.Applied, e.Event} {
				if v := reflect.ValueOf(part); !v.IsNil() {
					fill(t, v.Elem(), &n)
				}
			}
			got := thereAndBack(t, e)
			if diff := cmp.Diff(e, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%d fields (-want +got):\n%s", n, diff)
			}
		})
	}
}

// fill gives every field within v a value of its own.
func fill(t *testing.T, v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(recordtest.Start.Add(time.Duration(*n) * 1234567891)))
		return
	case scale.Trust:
		v.Set(reflect.ValueOf(scale.Fresh))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.String:
		v.SetString(strings.Repeat("x", *n%100))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(math.Pi * float64(*n))
	default:
		v.SetInt(-int64(*n))
	}
}

func thereAndBack(t *testing.T, e record.Entry) record.Entry {
	t.Helper()
	b := newBook()
	r, err := b.encode(e)
	if err != nil {
		t.Fatal(err)
	}
	r.seal(e.ID)
	got, err := b.decode(&r, false)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestOddTimesAndNumbers(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, 0), recordtest.Start, time.Date(-500, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Unix(0, math.MaxInt64), time.Unix(0, math.MinInt64)} {
		got := thereAndBack(t, record.Entry{At: at, Event: &record.Event{At: at.Add(time.Hour)}})
		if !got.At.Equal(at) || !got.Event.At.Equal(at.Add(time.Hour)) {
			t.Errorf("time: got %v and %v, want %v and an hour more", got.At, got.Event.At, at)
		}
	}
	for _, f := range []float64{0, 1, -1, 0.5, 0.1, -math.Pi, 1e300, math.Inf(-1), math.NaN(), 1 << 49, -1 << 50, 1 << 60} {
		e := record.Entry{Decided: &record.Decided{Seen: record.Seen{Signals: []record.Measured{{Value: f}}}}}
		if got := thereAndBack(t, e).Decided.Seen.Signals[0].Value; math.Float64bits(got) != math.Float64bits(f) {
			t.Errorf("number: got %v, want %v", got, f)
		}
	}
}

// Old entries are read by a program whose types have changed.
func TestLayoutsOfThePast(t *testing.T) {
	type before struct {
		Name  string
		Gone  []struct{ A, B float64 }
		Count int
		Kind  string
	}
	type after struct {
		Count int
		Fresh bool
		Name  string
		Kind  float64 // another type: not read
	}
	b, l := newBook(), layoutOf(reflect.TypeFor[before]())
	number := b.require(l.String())
	w := writer{buf: []byte{byte(number)}, names: b}
	old := before{Name: "shop", Gone: []struct{ A, B float64 }{{1, 2.5}, {math.Pi, 0}}, Count: 7, Kind: "x"}
	if err := w.value(l, reflect.ValueOf(&old)); err != nil {
		t.Fatal(err)
	}
	var got after
	if err := b.unblob(w.buf, &got, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if want := (after{Count: 7, Name: "shop"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzBody feeds bytes that nobody wrote to the decoder.
func FuzzBody(f *testing.F) {
	b := newBook()
	for i := range 3 {
		r, err := b.encode(recordtest.Sample("shop", i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.body, r.trail)
	}
	f.Fuzz(func(_ *testing.T, body, trail []byte) {
		var l line
		_ = b.unblob(body, &l, recordtest.Start)
		var rest trails
		_ = b.unblob(trail, &rest, recordtest.Start)
	})
}

func FuzzLayout(f *testing.F) {
	f.Add(layoutOf(lineType).String())
	f.Add("{a:[{b:i}],c:[[[s]]]}")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLayout(text, lineType)
		if err != nil {
			return
		}
		again, err := parseLayout(l.String(), lineType)
		if err != nil || again.String() != l.String() {
			t.Errorf("%q became %q, %v", text, l, err)
		}
	})
}

// FuzzPage feeds pages that nobody wrote to the reader of damaged files.
func FuzzPage(f *testing.F) {
	leaf := make([]byte, pageSize)
	copy(leaf, []byte{tableLeaf, 0, 0, 0, 1, 0x0f, 0x00, 0, 0x0f, 0x00})
	copy(leaf[0xf00:], []byte{6, 1, 4, 0, 15, 1, 'a', 5})
	f.Add(leaf, uint8(2))
	f.Fuzz(func(_ *testing.T, page []byte, n uint8) {
		page = append(bytes.Clone(page), make([]byte, pageSize)...)[:pageSize]
		im := &image{pages: 0}
		im.rows(uint32(n%2)+1, page, func(_ int64, _ bool, fields []field) { shape(fields) })
	})
}
