package sqlite

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"time"
)

// A value in bytes: fields that are zero are left out, a bitmap says which are
// there; texts that occur again and again (templates of reasons, names) are
// numbers of the table of names; times count from the entry's own.

// writer turns values into bytes.
type writer struct {
	buf   []byte
	base  time.Time
	names interface {
		number(text string) (n uint64, ok bool)
	}
}

func (w *writer) value(l *layout, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch l.kind {
	case 'i':
		w.integer(v)
	case 'f':
		w.float(v.Float())
	case 's':
		return w.text(l, v)
	case 'b':
		w.buf = append(w.buf, 1) // no is zero, and left out
		if !v.Bool() {
			w.buf[len(w.buf)-1] = 0
		}
	case 't':
		w.time(v.Interface().(time.Time))
	case '[':
		return w.list(l, v)
	default:
		return w.fields(l, v)
	}
	return nil
}

func (w *writer) integer(v reflect.Value) {
	if v.CanUint() {
		w.buf = binary.AppendVarint(w.buf, int64(v.Uint()))
		return
	}
	w.buf = binary.AppendVarint(w.buf, v.Int())
}

// Numbers are often whole, or not more exact than 32 bits. The lowest two
// bits of the first number say which: 0 whole, 1 64 bits follow, 3 32 bits.
const (
	float64Follows = 1
	float32Follows = 3
	maxWhole       = 1 << 50
)

func (w *writer) float(f float64) {
	switch {
	case f == math.Trunc(f) && math.Abs(f) < maxWhole:
		n := int64(f)
		w.buf = binary.AppendUvarint(w.buf, uint64(n<<1^n>>63)<<1)
	case float64(float32(f)) == f:
		w.buf = append(w.buf, float32Follows)
		w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(float32(f)))
	default:
		w.buf = append(w.buf, float64Follows)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(f))
	}
}

func (w *writer) text(l *layout, v reflect.Value) error {
	if !l.text {
		w.string(v.String())
		return nil
	}
	text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return err
	}
	w.string(string(text))
	return nil
}

// string writes a number of the table of names, or 0 and the text itself.
func (w *writer) string(s string) {
	if n, ok := w.names.number(s); ok {
		w.buf = binary.AppendUvarint(w.buf, n)
		return
	}
	w.buf = append(w.buf, 0)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(s)))
	w.buf = append(w.buf, s...)
}

// time writes the seconds since the base, rounded down, and nanoseconds.
func (w *writer) time(t time.Time) {
	w.buf = binary.AppendVarint(w.buf, t.Unix()-w.base.Unix())
	w.buf = binary.AppendVarint(w.buf, int64(t.Nanosecond())-int64(w.base.Nanosecond()))
}

// list writes the elements without the zero ones at the end of an array.
func (w *writer) list(l *layout, v reflect.Value) error {
	n := v.Len()
	for v.Kind() == reflect.Array && n > 0 && v.Index(n-1).IsZero() {
		n--
	}
	w.buf = binary.AppendUvarint(w.buf, uint64(n))
	for i := range n {
		if err := w.value(l.elem, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) fields(l *layout, v reflect.Value) error {
	var present uint64
	for i, at := range l.index {
		if !v.Field(at).IsZero() {
			present |= 1 << i
		}
	}
	w.buf = binary.AppendUvarint(w.buf, present)
	for ; present != 0; present &= present - 1 {
		i := bits.TrailingZeros64(present)
		if err := w.value(l.fields[i], v.Field(l.index[i])); err != nil {
			return fmt.Errorf("%s: %w", l.names[i], err)
		}
	}
	return nil
}

// errGarbled: bytes that nobody wrote.
var errGarbled = errors.New("garbled entry")

// reader turns bytes into values. After a fault it reads nothing but zeros.
type reader struct {
	buf   []byte
	base  time.Time
	names interface{ text(n uint64) (string, bool) }
	err   error
}

func (r *reader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errGarbled, why)
	}
	r.buf = nil
}

// value reads into v, or reads past when v is not valid.
func (r *reader) value(l *layout, v reflect.Value) {
	if r.err != nil {
		return
	}
	if v.IsValid() && v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch l.kind {
	case 'i':
		r.integer(v)
	case 'f':
		if f := r.float(); v.IsValid() {
			v.SetFloat(f)
		}
	case 's':
		r.text(l, v)
	case 'b':
		if b := r.uvarint(); v.IsValid() {
			v.SetBool(b != 0)
		}
	case 't':
		if t := r.time(); v.IsValid() {
			v.Set(reflect.ValueOf(t))
		}
	case '[':
		r.list(l, v)
	default:
		r.fields(l, v)
	}
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.buf)
	if size <= 0 {
		r.fail("a number ends early")
		return 0
	}
	r.buf = r.buf[size:]
	return n
}

func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.buf)) {
		r.fail("it ends early")
		return make([]byte, min(n, 8))
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) integer(v reflect.Value) {
	n := r.varint()
	switch {
	case !v.IsValid():
	case v.CanUint():
		if n < 0 || v.OverflowUint(uint64(n)) {
			r.fail("a number is out of range")
			return
		}
		v.SetUint(uint64(n))
	case v.OverflowInt(n):
		r.fail("a number is out of range")
	default:
		v.SetInt(n)
	}
}

func (r *reader) float() float64 {
	switch n := r.uvarint(); {
	case n&1 == 0:
		n >>= 1
		return float64(int64(n>>1) ^ -int64(n&1))
	case n == float32Follows:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(r.bytes(4))))
	case n == float64Follows:
		return math.Float64frombits(binary.LittleEndian.Uint64(r.bytes(8)))
	default:
		r.fail("a number of unknown kind")
		return 0
	}
}

func (r *reader) text(l *layout, v reflect.Value) {
	s := r.string()
	switch {
	case !v.IsValid() || r.err != nil:
	case !l.text:
		v.SetString(s)
	default:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
			r.fail(err.Error())
		}
	}
}

func (r *reader) string() string {
	n := r.uvarint()
	if n == 0 {
		return string(r.bytes(r.uvarint()))
	}
	s, ok := r.names.text(n)
	if !ok {
		r.fail("a name is lost")
	}
	return s
}

func (r *reader) time() time.Time {
	seconds, nanoseconds := r.varint(), r.varint()
	return time.Unix(r.base.Unix()+seconds, int64(r.base.Nanosecond())+nanoseconds).UTC()
}

func (r *reader) list(l *layout, v reflect.Value) {
	n := r.uvarint()
	if n > uint64(len(r.buf)) || v.IsValid() && v.Kind() == reflect.Array && n > uint64(v.Len()) {
		r.fail("a list is too long") // each element takes a byte at least
		return
	}
	if v.IsValid() && v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
	}
	for i := range int(n) {
		if !v.IsValid() {
			r.value(l.elem, v)
			continue
		}
		r.value(l.elem, v.Index(i))
	}
}

func (r *reader) fields(l *layout, v reflect.Value) {
	present := r.uvarint()
	if present>>len(l.fields) != 0 {
		r.fail("an unknown field")
	}
	for ; present != 0 && r.err == nil; present &= present - 1 {
		i := bits.TrailingZeros64(present)
		if l.index[i] < 0 || !v.IsValid() {
			r.value(l.fields[i], reflect.Value{})
			continue
		}
		r.value(l.fields[i], v.Field(l.index[i]))
	}
}
