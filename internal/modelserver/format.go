package modelserver

import "github.com/flyball-io/flyball/advisor"

// Format is how a server can be held to the form of an answer.
type Format int

// Formats, the strictest first.
const (
	Schema Format = iota // it is given the schema
	Object               // it writes some JSON object
	Anyhow               // it writes text
)

// System is the system's part of a prompt. Who is not given the schema itself is
// told it in words.
func (f Format) System(p advisor.Prompt) string {
	if f == Schema || len(p.Schema) == 0 {
		return p.System
	}
	return p.System + "\n\nAnswer with one JSON object and nothing else. It must fit this JSON schema:\n" + string(p.Schema)
}
