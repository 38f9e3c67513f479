package operator

import (
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/scale"
)

// Annotations that pause an Autoscaler without a change of its document, as
// whoever is on call does where a repository owns the document.
const (
	PausedAnnotation      = "flyball.io/paused"
	PausedUntilAnnotation = "flyball.io/paused-until"
)

// pause takes over what annotations say, and returns when that changes by
// itself. An annotation that cannot be read pauses without an end: somebody
// wanted the count left alone.
//
// A document that only recommends stays as it is, for it changes nothing
// anyway, and would else be applied when the pause ends.
func pause(s *v1alpha1.Spec, annotations map[string]string, now time.Time) (again time.Time) {
	whether, until := annotations[PausedAnnotation], annotations[PausedUntilAnnotation]
	if s.Mode == scale.Recommend || (until == "" && (whether == "" || whether == "false")) {
		return time.Time{}
	}
	end, err := time.Parse(time.RFC3339, until)
	switch {
	case until == "" || err != nil || whether == "true":
		s.Mode, s.PausedUntil = scale.Paused, nil
	case !now.Before(end): // it is over
	case s.Mode == scale.Paused && s.PausedUntil == nil:
	case s.Mode == scale.Paused && s.PausedUntil.After(end):
		return end
	default:
		s.Mode, s.PausedUntil = scale.Paused, &end
		return end
	}
	return time.Time{}
}
