package operator

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	core "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"

	busmemory "github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// heard are the events that a cluster has once a herald has told what say says.
func heard(t *testing.T, say func(h *herald)) []eventsv1.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cluster := fake.NewClientset()
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: cluster.EventsV1()})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		t.Fatal(err)
	}
	h := newHerald(newBoard(clock.System), broadcaster.NewRecorder(clientscheme.Scheme, "flyball"), clock.System)
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx, busmemory.New()) }()
	say(h)
	time.Sleep(time.Minute)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	all, err := cluster.EventsV1().Events("shop").List(t.Context(), meta.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	return all.Items
}

// The recorder takes events that differ in words alone for one, and shows the
// words of the first: kubectl describe would tell of none of the later changes.
func TestEachChangeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := applied(t, "shop", "web", shop("web"))
		all := heard(t, func(h *herald) {
			h.scaled(web, record.Applied{From: 1, To: 5}, "45 at 10 per replica: 5")
			h.scaled(web, record.Applied{From: 5, To: 9}, "88 at 10 per replica: 9")
			h.scaled(web, record.Applied{From: 5, To: 9}, "90 at 10 per replica: 9")
			h.say(web, core.EventTypeWarning, InvalidDocument, "spec.replicas.mx: unknown field")
			h.say(web, core.EventTypeWarning, InvalidDocument, "spec.sync: must be a duration")
		})
		var notes []string
		for _, e := range all {
			notes = append(notes, e.Note)
			if len(e.Action) > 128 {
				t.Errorf("action %q: the server takes at most 128 characters", e.Action)
			}
		}
		want := []string{"New size: 5; it was 1; reason: 45 at 10 per replica: 5", "New size: 9; it was 5; reason: 88 at 10 per replica: 9",
			"New size: 9; it was 5; reason: 90 at 10 per replica: 9", "spec.replicas.mx: unknown field", "spec.sync: must be a duration"}
		if !slices.Equal(notes, want) {
			t.Errorf("the cluster has\n%q, want\n%q", notes, want)
		}
	})
}

// The same again is one event that is counted.
func TestTheSameAgainIsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := applied(t, "shop", "web", shop("web"))
		all := heard(t, func(h *herald) {
			for range 3 {
				h.scaled(web, record.Applied{From: 1, To: 5, Error: "not allowed"}, "")
			}
		})
		if len(all) != 1 || all[0].Series == nil || all[0].Note != "New size: 5; error: not allowed" {
			t.Errorf("got %+v, want one event that is counted", all)
		}
	})
}
