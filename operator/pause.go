package operator

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Annotations that pause an Autoscaler without a change of its document, as
// whoever is on call does where a repository owns the document.
const (
	PausedAnnotation      = "flyball.io/paused"
	PausedUntilAnnotation = "flyball.io/paused-until"
)

// unreadable says what is wrong with annotations that pause without being
// understood; "" where nothing is.
func unreadable(annotations map[string]string) string {
	until := annotations[PausedUntilAnnotation]
	if _, err := time.Parse(time.RFC3339, until); until == "" || err == nil {
		return ""
	}
	return fmt.Sprintf("; the annotation %s must be a time such as 2026-12-24T18:00:00Z, got %q: it is paused until that goes", PausedUntilAnnotation, until)
}

// pausing is whether decisions are applied, and until when they are not.
type pausing struct {
	mode  scale.Mode
	until *time.Time // nil: without an end
}

// under takes over what annotations say, and returns when that changes by
// itself. An annotation that cannot be read pauses without an end: somebody
// wanted the count left alone.
//
// One that only recommends is paused too: others may follow it (KEDA). It has no
// end of its own then, for at the end of a pause decisions are applied; its
// document is looked at again instead.
func (p *pausing) under(annotations map[string]string, now time.Time) (again time.Time) {
	whether, until := annotations[PausedAnnotation], annotations[PausedUntilAnnotation]
	if until == "" && (whether == "" || whether == "false") {
		return time.Time{}
	}
	end, err := time.Parse(time.RFC3339, until)
	switch {
	case until == "" || err != nil || whether == "true":
		*p = pausing{scale.Paused, nil}
	case !now.Before(end): // it is over
	case p.mode == scale.Paused && p.until == nil:
	case p.mode == scale.Paused && p.until.After(end):
		return end
	case p.mode == scale.Recommend:
		*p = pausing{scale.Paused, nil}
		return end
	default:
		*p = pausing{scale.Paused, &end}
		return end
	}
	return time.Time{}
}
