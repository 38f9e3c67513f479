package sqlite

import (
	"encoding/binary"
	"hash/crc32"
)

// Each table seeds its checksums differently, so that a row of one is never
// taken for a row of another.
const (
	nameRow  = "name"
	entryRow = "entry"
	trailRow = "trail"
	valueRow = "value"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the checksum of a row: of its numbers and its bytes.
func sum(table string, data []byte, numbers ...int64) uint32 {
	head := make([]byte, 0, 96)
	head = append(head, table...)
	for _, n := range numbers {
		head = binary.AppendVarint(head, n)
	}
	head = binary.AppendUvarint(head, uint64(len(data)))
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, data)
}

// sumSize is what a checksum takes at the end of a body.
const sumSize = 4

func sealed(table string, body []byte, numbers ...int64) []byte {
	return binary.LittleEndian.AppendUint32(body, sum(table, body, numbers...))
}

// unsealed returns the body without its checksum, if that is right.
func unsealed(table string, body []byte, numbers ...int64) ([]byte, bool) {
	n := len(body) - sumSize
	if n < 0 {
		return nil, false
	}
	return body[:n], binary.LittleEndian.Uint32(body[n:]) == sum(table, body[:n], numbers...)
}

// valueSum is the checksum of a value. One that was removed has another than
// an empty one.
func valueSum(id int64, target, key string, data []byte) uint32 {
	present := int64(0)
	if data != nil {
		present = 1
	}
	all := append(append([]byte(target), key...), data...)
	return sum(valueRow, all, id, int64(len(target)), int64(len(key)), present)
}
