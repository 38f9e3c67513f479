package llm

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/flyball-io/flyball/advisor"
)

// RPMVariable is the variable of the environment that states the pace where a
// document does not: most questions a minute to one model.
const RPMVariable = "LLM_RPM"

// defaultRPM is the pace that nobody has stated: what the free tiers of hosted
// models allow, and about what a small model on a processor can do.
const defaultRPM = 10

// RPM is the pace by configuration, else by the environment, else 10. An error
// says what is wrong with the environment, with the 10 that are used instead.
func RPM(configured float64) (float64, error) {
	if configured > 0 {
		return configured, nil
	}
	text, set := os.LookupEnv(RPMVariable)
	if !set || text == "" {
		return defaultRPM, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) || v > 1e6 {
		return defaultRPM, fmt.Errorf("%s: must be a number of questions a minute above 0, got %q; %d are used", RPMVariable, excerpt(text, 40), defaultRPM)
	}
	return v, nil
}

// usualRPM is the pace; what is wrong with the environment is logged once.
func usualRPM(configured float64, env advisor.Env) float64 {
	rpm, err := RPM(configured)
	if err != nil {
		once := advisor.Shared(env.Commons, "llm: "+RPMVariable, func() *sync.Once { return new(sync.Once) })
		once.Do(func() { env.Log.Warn("pace of language models", slog.Any("error", err)) })
	}
	return rpm
}

// pace is when a model was asked last, by whichever document.
type pace struct{ last time.Time }

// take admits a question where the last one is as long ago as the pace of its own
// document wants, or as far ahead: then the clock was set back. So questions of many
// targets at once are spread, and before one of a document are no more than that
// document states, whatever the others do.
func (p *pace) take(now time.Time, rpm float64) error {
	gap := time.Duration(min(float64(time.Minute)/rpm, math.MaxInt64/2))
	passed := now.Sub(p.last)
	if passed.Abs() >= gap {
		p.last = now
		return nil
	}
	wait := gap - passed
	return &advisor.Later{Unasked: true, After: wait, Err: fmt.Errorf("pace: %v questions a minute are asked already; the next in %v", rpm, wait.Round(time.Second))}
}
