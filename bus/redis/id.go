package redis

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// id is that of an entry of a stream: the server's time in milliseconds and a
// count within it. The zero value is before all.
type id struct{ ms, seq uint64 }

func parseID(text string) (id, error) {
	ms, seq, _ := strings.Cut(text, "-")
	var i id
	var err error
	if i.ms, err = strconv.ParseUint(ms, 10, 64); err == nil {
		i.seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil {
		return id{}, fmt.Errorf("entry of a stream with the id %q: %w", text, err)
	}
	return i, nil
}

func (i id) String() string { return fmt.Sprintf("%d-%d", i.ms, i.seq) }

func (i id) after(other id) bool {
	return cmp.Or(cmp.Compare(i.ms, other.ms), cmp.Compare(i.seq, other.seq)) > 0
}
