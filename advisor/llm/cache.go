package llm

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/advisor"
)

// mostKept bounds how many answers are kept.
const mostKept = 512

// key is a question: all that a model is given.
type key [sha256.Size]byte

func keyOf(p *advisor.Prompt) (k key) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %s %v", p.System, p.User, p.Schema, p.Temperature)
	h.Sum(k[:0])
	return k
}

// cache keeps the newest valid answers as they were said: they are read anew for
// whoever asks the same.
type cache struct {
	said  map[key]kept
	order [mostKept]key // in which they came; a ring
	next  int
}

type kept struct {
	text string
	at   time.Time
}

func newCache() cache { return cache{said: map[key]kept{}} }

// get returns what was said less than age ago.
func (c *cache) get(k key, now time.Time, age time.Duration) (string, bool) {
	kept, known := c.said[k]
	old := now.Sub(kept.at)
	return kept.text, known && old >= 0 && old < age
}

// put keeps an answer in the place of the oldest.
func (c *cache) put(k key, text string, now time.Time) {
	if _, known := c.said[k]; !known {
		delete(c.said, c.order[c.next])
		c.order[c.next] = k
		c.next = (c.next + 1) % mostKept
	}
	c.said[k] = kept{text, now}
}
