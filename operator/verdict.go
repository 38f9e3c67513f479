package operator

import (
	"fmt"

	"github.com/flyball-io/flyball/scale"
)

// Reasons of the condition Ready.
const (
	Running            = "Running"
	InvalidDocument    = "InvalidDocument"
	NotAllowed         = "NotAllowed"
	ForbiddenNamespace = "ForbiddenNamespace"
	TargetTaken        = "TargetTaken"
	Refused            = "Refused"
	Failed             = "Failed"
)

// verdict is what became of a document.
type verdict struct {
	Runs    bool // with the newest content, or an older one
	Reason  string
	Message string
}

// tell says what became of a document.
func (d *desk) tell(doc *document, holders map[string]*document) {
	_, runs := d.taken[doc.name()]
	switch {
	case doc.fault != nil && runs:
		message := fmt.Sprintf("%s\nwhat it said in generation %d goes on to hold", doc.fault.Message, doc.of.generation)
		if doc.sound.Mode == scale.Paused {
			message += "; it is paused"
		}
		d.told(doc, verdict{true, doc.fault.Reason, message + unreadable(doc.object.GetAnnotations())})
	case doc.fault != nil:
		d.told(doc, verdict{false, doc.fault.Reason, doc.fault.Message})
	case runs:
		d.told(doc, verdict{true, Running, running(doc.sound.Mode) + unreadable(doc.object.GetAnnotations())})
	default:
		for _, claim := range doc.sound.Claims() {
			if holder := holders[claim]; holder != nil && holder != doc {
				d.told(doc, verdict{false, TargetTaken, fmt.Sprintf("spec.target: %s %s, and so does this one: the older one stays", holder.key, claim)})
				return
			}
		}
	}
}

func running(mode scale.Mode) string {
	switch mode {
	case scale.Apply:
		return "decisions are applied: mode is Apply"
	case scale.Recommend:
		return "decisions are shown and not applied: mode is Recommend"
	default:
		return "decisions are shown and not applied: it is paused"
	}
}
