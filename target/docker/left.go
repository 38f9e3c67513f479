package docker

import (
	"cmp"
	"os"

	"github.com/flyball-io/flyball/scale"
)

// Left is what a state folder holds of a target without its document.
type Left struct {
	// Replicas are as many as were written down last; each is written down
	// before it is made.
	Replicas int
	// Up is the command that starts the service that the replicas belong to;
	// "": they are the target's own.
	Up string

	cfg Config
}

// Leftover reads what an earlier controller left; os.ErrNotExist where there
// was none.
func Leftover(stateDir, name string) (Left, error) {
	st, found, err := newStore(stateDir, name).Read()
	if err != nil || !found {
		return Left{}, cmp.Or(err, os.ErrNotExist)
	}
	left := Left{Replicas: len(st.Replicas), cfg: Default()}
	left.cfg.Image = "none" // nothing is made any more
	if r := st.Ending; r != nil {
		left.Up, left.cfg.Endpoint = r.Up, r.Endpoint
		left.cfg.DrainTimeout, left.cfg.StopGracePeriod = max(0, r.DrainTimeout), max(scale.Duration(0), r.StopGracePeriod)
	}
	return left, nil
}

// Open returns the target of replicas that are its own, to be looked at and
// stopped.
func (l Left) Open(name string, o Options) (*Target, error) { return New(name, l.cfg, o) }
