package accesslog

import (
	"fmt"
	"strings"
)

// Statuses is a set of statuses of answers, 0 to 999.
type Statuses [1000]bool

// ParseStatuses reads a list such as "2xx,3xx,404". It takes those that HTTP
// knows (RFC 9110 section 15), since a list that names others is a slip and
// would let nothing through.
func ParseStatuses(list string) (*Statuses, error) {
	set := &Statuses{}
	for _, word := range strings.Split(list, ",") {
		word = strings.TrimSpace(word)
		low, high := []byte(word), []byte(word)
		if head, found := strings.CutSuffix(strings.ToLower(word), "xx"); found && len(head) == 1 {
			low, high = []byte(head+"00"), []byte(head+"99")
		}
		from, ok := digits(low)
		if to, _ := digits(high); ok && len(low) == 3 && from >= 100 && to <= 599 {
			for status := from; status <= to; status++ {
				set[status] = true
			}
			continue
		}
		return nil, fmt.Errorf("%q is no status: must be 100 to 599 or one of the classes 1xx, 2xx, 3xx, 4xx, 5xx, several with commas", word)
	}
	return set, nil
}
