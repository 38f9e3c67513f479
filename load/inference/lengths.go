package inference

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/workload"
)

// mostTokens bounds a prompt and an answer.
const mostTokens = 1_000_000

// Lengths say how long prompts are, and answers may be, in tokens.
type Lengths struct {
	// Recorded are taken one after the other, and again from the first; without
	// any, lengths are drawn.
	Recorded       []workload.Request
	Prompt, Output Length
}

// Length is a distribution of tokens: of one value, even between two, or
// lognormal.
type Length struct {
	Least, Most int     // even between them
	Mean, CV    float64 // lognormal where Mean is above 0
}

// ParseLength reads 256, 100:400 or lognormal:256,0.8 (mean and coefficient of
// variation).
func ParseLength(text string) (Length, error) {
	wrong := fmt.Errorf("%q must be a number of tokens such as 256, a range such as 100:400, or lognormal:MEAN,CV such as lognormal:256,0.8", text)
	if parameters, is := strings.CutPrefix(text, "lognormal:"); is {
		mean, cv, both := strings.Cut(parameters, ",")
		m, err := strconv.ParseFloat(mean, 64)
		c, err2 := strconv.ParseFloat(cv, 64)
		if !both || err != nil || err2 != nil {
			return Length{}, wrong
		}
		l := Length{Mean: m, CV: c}
		return l, l.Validate()
	}
	from, to, isRange := strings.Cut(text, ":")
	if !isRange {
		to = from
	}
	least, err := strconv.Atoi(from)
	most, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil {
		return Length{}, wrong
	}
	l := Length{Least: least, Most: most}
	return l, l.Validate()
}

// Validate reports what is out of range.
func (l Length) Validate() error {
	switch {
	case l.Mean != 0 || l.CV != 0:
		if !(l.Mean >= 1 && l.Mean <= mostTokens && l.CV >= 0 && l.CV <= 10) {
			return fmt.Errorf("lognormal: the mean must be 1 to %d tokens and the coefficient of variation 0 to 10, got %v and %v", mostTokens, l.Mean, l.CV)
		}
	case l.Least < 1 || l.Most < l.Least || l.Most > mostTokens:
		return fmt.Errorf("must be 1 to %d tokens, the smaller first, got %d to %d", mostTokens, l.Least, l.Most)
	}
	return nil
}

// draw returns a number of tokens. A lognormal one of mean m and coefficient of
// variation c is exp(µ + σz) with σ² = ln(1 + c²) and µ = ln m − σ²/2.
func (l Length) draw(rng *rand.Rand) int {
	if l.Mean == 0 {
		return l.Least + rng.IntN(l.Most-l.Least+1)
	}
	variance := math.Log1p(l.CV * l.CV)
	x := math.Exp(math.Log(l.Mean) - variance/2 + math.Sqrt(variance)*rng.NormFloat64())
	return int(max(1, min(math.Round(x), mostTokens)))
}

// Validate reports what is out of range.
func (l Lengths) Validate() error {
	if len(l.Recorded) > 0 {
		return nil
	}
	var errs []error
	if err := l.Prompt.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("prompt tokens: %w", err))
	}
	if err := l.Output.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("output tokens: %w", err))
	}
	return errors.Join(errs...)
}

// of are the lengths of a request by its number: the same for the same seed.
func (l Lengths) of(number int, rng *rand.Rand) (prompt, output int) {
	if len(l.Recorded) > 0 {
		r := l.Recorded[number%len(l.Recorded)]
		return max(1, r.InputTokens), max(1, r.OutputTokens)
	}
	return l.Prompt.draw(rng), l.Output.draw(rng)
}

// words are each one token in most vocabularies.
func words() []string {
	return strings.Fields("the of and to in is that it was for on are as with his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know")
}

// prompt is a text of about so many tokens. Its words are drawn, so that no server
// knows it from an earlier one.
func prompt(tokens int, rng *rand.Rand) string {
	all := words()
	var b strings.Builder
	b.Grow(tokens * 5)
	for i := range tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(all[rng.IntN(len(all))])
	}
	return b.String()
}
