package operator

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// herald tells events of Autoscalers to the cluster, for kubectl describe: what
// the chronicler tells, and what becomes of documents.
type herald struct {
	board    *board
	recorder events.EventRecorder
	clock    clock.Clock
	queue    chan saying

	verdicts map[string]verdict // told last, by name
}

// saying is an event that is to be told.
type saying struct {
	of                    *unstructured.Unstructured
	kind, reason, message string
}

const (
	// pace is the time between two events: a thousand that scale at the same
	// moment must not keep the API server from everything else.
	pace = 10 * time.Millisecond
	// mostSayings is how many wait for that. More are not told: the status says
	// the same.
	mostSayings = 10_000
)

func newHerald(b *board, r events.EventRecorder, clk clock.Clock) *herald {
	return &herald{board: b, recorder: r, clock: clk, queue: make(chan saying, mostSayings), verdicts: map[string]verdict{}}
}

// Run tells until ctx is done.
func (h *herald) Run(ctx context.Context, on bus.Bus) error {
	all, err := control.Events(on, control.All).Subscribe(ctx)
	if err != nil {
		return err
	}
	g := errgroup.Group{}
	g.Go(func() error {
		for e := range all {
			if object := h.board.object(e.Target); object != nil {
				h.tell(object, e)
			}
		}
		return nil
	})
	g.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case s := <-h.queue:
				h.recorder.Eventf(s.of, nil, s.kind, s.reason, action(s.message), "%s", short(s.message))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-h.clock.After(pace):
			}
		}
	})
	return g.Wait()
}

// say has an event told.
func (h *herald) say(o *unstructured.Unstructured, kind, reason, message string) {
	select {
	case h.queue <- saying{o, kind, reason, message}:
	default:
	}
}

// scaled tells of a change of the count in the words of a
// HorizontalPodAutoscaler.
func (h *herald) scaled(o *unstructured.Unstructured, a record.Applied, why string) {
	kind, reason, message := core.EventTypeNormal, "SuccessfulRescale", fmt.Sprintf("New size: %d; it was %d", a.To, a.From)
	if why != "" {
		message += "; reason: " + why
	}
	if a.Error != "" {
		kind, reason, message = core.EventTypeWarning, "FailedRescale", fmt.Sprintf("New size: %d; error: %s", a.To, a.Error)
	}
	h.say(o, kind, reason, message)
}

// tell tells an event.
func (h *herald) tell(o *unstructured.Unstructured, e record.Event) {
	kind, reason, message := core.EventTypeNormal, e.Type, e.Message
	switch e.Type {
	case control.ScaledUp, control.ScaledDown, control.ScaleFailed:
		return // that was told with its reason
	case control.FaultBegan:
		kind, reason = core.EventTypeWarning, "DataLost"
	case control.FaultEnded:
		reason = "DataBack"
	case control.ConditionBegan:
		kind = core.EventTypeWarning
	case control.ReplicaEnded:
		return // the cluster tells what happens to pods
	}
	if e.By != "" {
		message += " (by " + e.By + ")"
	}
	h.say(o, kind, reason, message)
}

// verdict tells what became of a document, each time that is something else.
func (h *herald) verdict(doc *document, v verdict) {
	before, known := h.verdicts[doc.name()]
	h.verdicts[doc.name()] = v
	switch {
	case known && before == v:
	case v.Reason != Running:
		h.say(doc.object, core.EventTypeWarning, v.Reason, v.Message)
	case known && before.Reason != Running:
		h.say(doc.object, core.EventTypeNormal, v.Reason, v.Message)
	case known && doc.sound.Mode != scale.Apply:
		h.say(doc.object, core.EventTypeNormal, string(doc.sound.Mode), v.Message)
	}
}

// forget takes the end of an object.
func (h *herald) forget(name string) { delete(h.verdicts, name) }

// action is what an event says was done, and tells apart those with other words:
// the recorder takes all of one object, kind, reason and action within six minutes
// for the first of them, and counts them without a look at what they say.
func action(message string) string {
	words := fnv.New32a()
	_, _ = words.Write([]byte(message)) // a hash takes everything
	return fmt.Sprintf("Scale-%08x", words.Sum32())
}

// short keeps a message within what the server takes.
func short(message string) string {
	const longest = 1000
	if len(message) > longest {
		return strings.ToValidUTF8(message[:longest], "") + " …"
	}
	return message
}
