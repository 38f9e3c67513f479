package sqlite

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"sync"
	"time"
)

// Bounds of the table of names, which is kept in memory.
const (
	maxNames      = 50_000
	maxNameLength = 80 // longer texts are written out
	maxSeenOnce   = 5000
)

// book knows the names of a file and the layouts among them. One writer adds
// to it; names of a transaction are there before it is committed, so that who
// reads its rows knows them.
type book struct {
	mu       sync.RWMutex // guards what follows
	numbers  map[string]int64
	texts    map[int64]string
	layouts  map[layoutOfType]*layout
	seenOnce map[string]struct{} // a text gets a number when it comes again
	fresh    []int64             // numbers of this transaction
	next     int64
}

type layoutOfType struct {
	number uint64
	of     reflect.Type
}

func newBook() *book {
	return &book{numbers: map[string]int64{}, texts: map[int64]string{}, layouts: map[layoutOfType]*layout{},
		seenOnce: map[string]struct{}{}, next: 1}
}

// know takes a name from the file.
func (b *book) know(number int64, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.numbers[text], b.texts[number] = number, text
	b.next = max(b.next, number+1)
}

// number returns the number of a text, if it has one or now deserves one.
func (b *book) number(text string) (uint64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n, ok := b.numbers[text]; ok {
		return uint64(n), true
	}
	if len(text) > maxNameLength || len(text) < 3 || len(b.texts) >= maxNames {
		return 0, false
	}
	if _, again := b.seenOnce[text]; !again {
		if len(b.seenOnce) >= maxSeenOnce {
			clear(b.seenOnce)
		}
		b.seenOnce[text] = struct{}{}
		return 0, false
	}
	delete(b.seenOnce, text)
	return uint64(b.add(text)), true
}

// require returns the number of a text and gives it one if it has none.
func (b *book) require(text string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n, ok := b.numbers[text]; ok {
		return n
	}
	return b.add(text)
}

func (b *book) add(text string) int64 {
	n := b.next
	b.next++
	b.numbers[text], b.texts[n] = n, text
	b.fresh = append(b.fresh, n)
	return n
}

// text returns the text with a number.
func (b *book) text(number uint64) (string, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	text, ok := b.texts[int64(number)]
	return text, ok
}

// find returns the number of a text, 0 if it has none.
func (b *book) find(text string) int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.numbers[text]
}

// begin starts a transaction; added are the names it has added so far.
func (b *book) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = b.fresh[:0]
}

func (b *book) added() map[int64]string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	names := map[int64]string{}
	for _, n := range b.fresh {
		names[n] = b.texts[n]
	}
	return names
}

// forget takes back the names of a transaction that failed. Their numbers are
// not used again, lest it was written after all.
func (b *book) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.fresh {
		delete(b.numbers, b.texts[n])
		delete(b.texts, n)
	}
	b.fresh = b.fresh[:0]
}

// blob writes *v, beginning with the number of its layout.
func (b *book) blob(t reflect.Type, v any, base time.Time) ([]byte, error) {
	own := today[t]
	w := writer{buf: binary.AppendUvarint(nil, uint64(b.require(own.text))), base: base, names: b}
	err := w.value(own.layout, reflect.ValueOf(v))
	return w.buf, err
}

type written struct {
	layout *layout
	text   string
}

// today are the layouts in which is written.
var today = map[reflect.Type]written{lineType: write(lineType), trailsType: write(trailsType)}

func write(t reflect.Type) written {
	l := layoutOf(t)
	return written{l, l.String()}
}

// unblob reads into *v what blob wrote, also in a layout of the past.
func (b *book) unblob(data []byte, v any, base time.Time) error {
	r := reader{buf: data, base: base, names: b}
	number := r.uvarint()
	if r.err != nil {
		return r.err
	}
	into := reflect.ValueOf(v).Elem()
	l, err := b.layout(number, into.Type())
	if err != nil {
		return err
	}
	r.value(l, into)
	if r.err == nil && len(r.buf) > 0 {
		r.fail("something follows it")
	}
	return r.err
}

func (b *book) layout(number uint64, t reflect.Type) (*layout, error) {
	key := layoutOfType{number, t}
	b.mu.RLock()
	l, text := b.layouts[key], b.texts[int64(number)]
	b.mu.RUnlock()
	if l != nil {
		return l, nil
	}
	l, err := parseLayout(text, t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGarbled, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.layouts[key] = l
	return l, nil
}
