package replicas

import (
	"context"
	"errors"
	"log/slog"
	"reflect"

	"github.com/flyball-io/flyball/target"
)

// Told tells whoever listens, coalesced: one who was told already and has not
// looked yet is not told twice.
func Told(listener chan<- struct{}) {
	select {
	case listener <- struct{}{}:
	default:
	}
}

// Same reports whether two statuses say the same, whenever they were made.
func Same(a, b target.Status) bool {
	a.At = b.At
	return reflect.DeepEqual(a, b)
}

// Complaint logs what goes wrong once, and when it is over.
type Complaint struct {
	Log *slog.Logger
	// Of is what it is about, in words: "the service".
	Of string
	// Passes is what goes wrong without anybody's fault, such as an engine that
	// does not answer: a warning.
	Passes error

	told string // in which words; "": all is well
}

// Report is given what each attempt came to. An attempt that was given up says
// nothing.
func (c *Complaint) Report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && c.told != "":
		c.told = ""
		c.Log.Info("can be looked after again", slog.String("what", c.Of))
	case err != nil && err.Error() != c.told:
		c.told = err.Error()
		level := slog.LevelError
		if errors.Is(err, c.Passes) {
			level = slog.LevelWarn
		}
		c.Log.Log(ctx, level, "cannot be looked after", slog.String("what", c.Of), slog.Any("error", err))
	}
}
