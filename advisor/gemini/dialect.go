package gemini

import (
	"math"

	"google.golang.org/genai"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/internal/modelserver"
)

// dialect is what a model was found to understand. At first it is asked for
// everything; what it does not know is left out from then on.
type dialect struct {
	format modelserver.Format
	thinks bool // it cannot be told not to, or did all the same
	merged bool // knows no system instruction
}

// weaker is what to ask in next when a request was found wrong, and whether there
// is something to try.
func (d dialect) weaker(s *modelserver.Status) (dialect, bool) {
	switch {
	case !s.Wrong() || s.Named("API_KEY_INVALID", "FAILED_PRECONDITION"):
		return d, false
	case !d.thinks && s.Mentions("thinking", "budget"):
		d.thinks = true
	case !d.merged && s.Mentions("developer instruction", "system instruction", "system_instruction", "systeminstruction"):
		d.merged = true
	case d.format < modelserver.Anyhow && s.Mentions("schema", "json", "mime", "response_format"):
		d.format++
	default:
		return d, false
	}
	return d, true
}

// user is the user's part of a prompt: all of it where there is no other.
func (d dialect) user(p advisor.Prompt) string {
	if d.merged {
		return d.system(p) + "\n\n" + p.User
	}
	return p.User
}

func (d dialect) system(p advisor.Prompt) string { return d.format.System(p) }

// config says how the answer is wanted. The library must not go on by itself after
// an answer that is not whole: a server could keep it at that.
func (d dialect) config(p advisor.Prompt) *genai.GenerateContentConfig {
	c := &genai.GenerateContentConfig{
		Temperature:           genai.Ptr(float32(p.Temperature)),
		CandidateCount:        1,
		AutomaticContinuation: genai.Ptr(false),
	}
	most := p.MostTokens
	if d.thinks {
		most += thinkingRoom
	} else {
		c.ThinkingConfig = &genai.ThinkingConfig{ThinkingBudget: genai.Ptr[int32](0)}
	}
	c.MaxOutputTokens = int32(min(max(most, 1), math.MaxInt32))
	if system := d.system(p); system != "" && !d.merged {
		c.SystemInstruction = genai.NewContentFromText(system, genai.RoleUser)
	}
	switch d.format {
	case modelserver.Schema:
		c.ResponseMIMEType = "application/json"
		if len(p.Schema) > 0 {
			c.ResponseJsonSchema = ordered(p.Schema)
		}
	case modelserver.Object:
		c.ResponseMIMEType = "application/json"
	}
	return c
}
