package sqlite

import (
	"encoding/binary"
	"math"
)

// Reading rows out of pages without SQLite, as
// https://sqlite.org/fileformat2.html describes them. Nothing here is trusted:
// whatever a page holds, what comes out is checked by its checksum.

// Kinds of pages that hold rows.
const (
	indexInterior = 0x02
	indexLeaf     = 0x0a
	tableLeaf     = 0x0d
)

// maxPayload bounds a row; the largest are snapshots.
const maxPayload = 64 << 20

// How much of a row is on its page: all up to the first number, else at least
// the second; the rest is in a chain of overflow pages.
const (
	tableLocal = pageSize - 35
	indexLocal = (pageSize-12)*64/255 - 23
	leastLocal = (pageSize-12)*32/255 - 23
)

// rows calls found with every row of page n.
func (im *image) rows(n uint32, page []byte, found func(rowid int64, inIndex bool, fields []field)) {
	head := page
	if n == 1 {
		head = page[100:]
	}
	pointers := 8
	kind := head[0]
	switch kind {
	case tableLeaf, indexLeaf:
	case indexInterior:
		pointers = 12
	default:
		return
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	for i := range cells {
		at := pointers + 2*i
		if at+2 > len(head) {
			return
		}
		start := int(binary.BigEndian.Uint16(head[at:]))
		if start >= len(page) {
			continue
		}
		rowid, payload := im.cell(kind, page[start:])
		if fields, ok := parseRecord(payload); ok {
			found(rowid, kind != tableLeaf, fields)
		}
	}
}

// cell returns the row of a cell, nil if it is none.
func (im *image) cell(kind byte, cell []byte) (rowid int64, payload []byte) {
	if kind == indexInterior {
		cell = cell[min(4, len(cell)):]
	}
	size, cell := number(cell)
	local := indexLocal
	if kind == tableLeaf {
		rowid, cell = number(cell)
		local = tableLocal
	}
	if size <= 0 || size > maxPayload {
		return 0, nil
	}
	if size > int64(local) {
		here := leastLocal + (int(size)-leastLocal)%(pageSize-4)
		if here > local {
			here = leastLocal
		}
		if here+4 > len(cell) {
			return 0, nil
		}
		return rowid, im.overflow(cell[:here], binary.BigEndian.Uint32(cell[here:]), int(size))
	}
	if size > int64(len(cell)) {
		return 0, nil
	}
	return rowid, cell[:size]
}

// overflow appends the pages of a chain. A chain that ends early gives nothing.
func (im *image) overflow(start []byte, next uint32, size int) []byte {
	payload := append([]byte(nil), start...)
	page := make([]byte, pageSize)
	for len(payload) < size {
		if next == 0 || next > im.pages || im.page(next, page) != nil {
			return nil
		}
		payload = append(payload, page[4:min(pageSize, 4+size-len(payload))]...)
		next = binary.BigEndian.Uint32(page)
	}
	return payload
}

// number reads a variable-length number of SQLite; at the end of b zero.
func number(b []byte) (int64, []byte) {
	var n uint64
	for i := range min(9, len(b)) {
		if i == 8 {
			return int64(n<<8 | uint64(b[8])), b[9:]
		}
		n = n<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(n), b[i+1:]
		}
	}
	return 0, nil
}

// field is one column of a row.
type field struct {
	kind byte // 'n' NULL, 'i' whole number, 's' text, 'b' bytes
	n    int64
	data []byte
}

// maxFields is more than any table of ours has.
const maxFields = 16

// parseRecord takes a row apart.
func parseRecord(payload []byte) ([]field, bool) {
	size, rest := number(payload)
	if size < 1 || size > int64(len(payload)) || size < int64(len(payload)-len(rest)) {
		return nil, false
	}
	types, values := payload[len(payload)-len(rest):size], payload[size:]
	var fields []field
	for len(types) > 0 && len(fields) < maxFields {
		var kind int64
		kind, types = number(types)
		f, length := fieldOf(kind)
		if f.kind == 0 || length > int64(len(values)) {
			return nil, false
		}
		f.take(values[:length])
		fields, values = append(fields, f), values[length:]
	}
	return fields, len(types) == 0 && len(values) == 0
}

// fieldOf returns the kind of a column and how many bytes it takes.
func fieldOf(serial int64) (field, int64) {
	switch {
	case serial == 0:
		return field{kind: 'n'}, 0
	case serial >= 1 && serial <= 4:
		return field{kind: 'i'}, serial
	case serial == 5:
		return field{kind: 'i'}, 6
	case serial == 6:
		return field{kind: 'i'}, 8
	case serial == 8, serial == 9:
		return field{kind: 'i', n: serial - 8}, 0
	case serial >= 12 && serial < math.MaxInt32 && serial%2 == 0:
		return field{kind: 'b'}, (serial - 12) / 2
	case serial >= 13 && serial < math.MaxInt32:
		return field{kind: 's'}, (serial - 13) / 2
	default:
		return field{}, 0
	}
}

func (f *field) take(value []byte) {
	if f.kind != 'i' {
		f.data = value
		return
	}
	for i, b := range value {
		if i == 0 {
			f.n = int64(int8(b)) // the sign
			continue
		}
		f.n = f.n<<8 | int64(b)
	}
}

// shape is the kinds of all columns, for example "niib".
func shape(fields []field) string {
	kinds := make([]byte, len(fields))
	for i, f := range fields {
		kinds[i] = f.kind
	}
	return string(kinds)
}
