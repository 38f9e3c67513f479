package llm

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/series"
)

// mostNumber is the largest number that a prompt shows; one beyond it is none
// that anybody measured.
const mostNumber = 1e9

// number is how every number of a prompt is written: to three digits, with at
// most three decimals, and "?" where it is not known, negative or beyond
// mostNumber. 1234 is written 1230: a state that is nearly the same gives the
// same prompt, and so the same answer from the cache.
type number float64

var unknown = number(math.NaN())

func (n number) String() string {
	v := float64(n)
	if !series.Finite(v) || v < 0 || v > mostNumber {
		return "?"
	}
	v = math.Abs(v) // of -0
	if v > 0 {
		unit := math.Pow(10, max(math.Floor(math.Log10(v))-2, -3))
		v = math.Round(v/unit) * unit
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 3, 64), "0"), ".")
}

// count is a number of replicas, which is written exactly.
type count int

func (n count) String() string {
	if n < 0 || n > mostReplicas {
		return "?"
	}
	return strconv.Itoa(int(n))
}

// mostReplicas is the largest count that a prompt or an answer may hold.
const mostReplicas = 1_000_000

// milliseconds of seconds.
func milliseconds(seconds float64) number { return number(seconds * 1000) }

// ages are the steps in which an age is told: that of a state that lasts changes
// seldom.
var ages = []time.Duration{0, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}

// age is the longest step within d, in seconds.
func age(d time.Duration) number {
	told := unknown
	for _, step := range ages {
		if d >= step {
			told = number(step.Seconds())
		}
	}
	return told
}
