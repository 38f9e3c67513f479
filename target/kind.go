package target

import (
	"context"
	"log/slog"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// Config is what a document says of a target. Each kind has a type of its own,
// and is known to the rest of the program by this alone.
type Config interface {
	// Facts says what others must know of the service.
	Facts() Facts
	// Check reports what can only be seen where the target is to run, such as a
	// program that is not there. It starts and changes nothing. Each message
	// starts with the path of its field.
	Check() error
	// Open returns the target of a service. It starts and changes nothing.
	Open(name string, o Options) (Managed, error)
}

// Facts are what others must know of a service, whatever it is made of.
type Facts struct {
	// Description says in words what is scaled: "process sleep 60".
	Description string
	// Claims are what no other service may do, in words that are the same for
	// everybody: "scales the Compose service shop/web of the engine at …". None
	// where two targets never meet, as those that start what they scale.
	Claims []string
	// Port is where the service is to be reached; 0: wherever the balancer is.
	Port int
	// ReadinessPath is that of the HTTP GET by which a replica is known to take
	// work; "" where it is known otherwise.
	ReadinessPath string
	// StartTimeout is the longest time from start to ready, DrainTimeout the
	// longest wait for requests in progress before a replica ends.
	StartTimeout, DrainTimeout scale.Duration
	// Most is how many replicas there can be at a time, whatever the document says;
	// 0: any number.
	Most int
	// Window is what measurements of the replicas average over, in the
	// configuration itself: what is written to it holds from Open on. Nil where
	// the target averages over nothing.
	Window *scale.Duration
	// Spacing is how far apart measurements are at most, where others make them in
	// their own time; 0: each look measures.
	Spacing scale.Duration
	// Signals are those that the target measures of its replicas. Unreliable are
	// those of them that most replicas do not have, each with the reason in
	// words: a policy that needs one would hold for ever.
	Signals    []string
	Unreliable map[string]string
}

// Placed is a configuration whose target is in a namespace: that of the document
// where it names none itself.
type Placed interface{ In(namespace string) }

// Options is what a target is given by who opens it.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// Traffic is asked to leave a replica alone before it is ended; nil when
	// nobody balances.
	Traffic Traffic
	// StateDir holds what must outlive the controller. It is created where
	// missing. A controller with another one does not know the replicas.
	StateDir string
	// DieWithController ends the replicas with this process, however it ends,
	// where the target can promise that.
	DieWithController bool
}

// Managed is a target that a controller looks after and that measures what its
// replicas use. It may be a [Stopper]; the replicas of one that is not belong
// to somebody else, and always outlive the controller.
type Managed interface {
	Target
	Runner
	source.Source
	// Update takes over a changed configuration of the same kind.
	Update(ctx context.Context, cfg Config) error
}

// Examiner is a configuration, of a target or of a balancer, that can ask whether
// what it needs is there, such as an engine that must answer. It starts and
// changes nothing.
type Examiner interface {
	Examine(ctx context.Context) []Finding
}

// Finding is one thing that was looked at.
type Finding struct {
	Message string
	Fix     string // what to do, in one line; "": nothing is wrong
	// Acting: it is wrong only where the count is to be set, and not where one is
	// only recommended.
	Acting bool
}

// Exclusive is a configuration whose targets have one controller at a time.
type Exclusive interface {
	// Unattended returns why the target of a service cannot be taken over now:
	// another controller looks after it, or what an earlier one left cannot be
	// read. Who is about to become its controller asks before touching anything.
	Unattended(ctx context.Context, name string, o Options) error
}
