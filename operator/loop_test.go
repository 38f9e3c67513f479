package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/operator/operatortest"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/web"
)

// cabinet keeps memories and statuses as a cluster does.
type cabinet struct {
	mu       sync.Mutex // guards what follows
	memories map[types.NamespacedName]memory
	kept     int
	statuses map[string]v1alpha1.Status
	written  int
}

func (c *cabinet) Load(context.Context) (map[types.NamespacedName]memory, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[types.NamespacedName]memory{}
	for k, m := range c.memories { // as they come out of a cluster
		content, err := pack(m)
		if err != nil {
			return nil, err
		}
		if all[k], err = unpack(&unstructured.Unstructured{Object: content}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *cabinet) Keep(_ context.Context, of *unstructured.Unstructured, m memory) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memories[keyOf(of)] = m
	c.kept++
	return nil
}

func (c *cabinet) apply(_ context.Context, d due) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[d.name] = d.status
	c.written++
	return nil
}

// memory returns what is kept of the Autoscaler shop/web, and puts another one
// in its place unless that is nil.
func (c *cabinet) memory(instead *memory) memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.memories[key("shop", "web")]
	if instead != nil {
		c.memories[key("shop", "web")] = *instead
	}
	return was
}

func (c *cabinet) writes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

func (c *cabinet) status(name string) v1alpha1.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statuses[name]
}

// instance is an operator that acts, without a cluster.
type instance struct {
	team   *team
	events *events.FakeRecorder
	stop   func() error
}

// acts begins an instance that finds what the cabinet holds.
func acts(t *testing.T, w *operatortest.World, c *cabinet, change ...func(*app.Options)) *instance {
	t.Helper()
	d, err := newDecoder(w.Plugins(), worldRules(), clock.System)
	if err != nil {
		t.Fatal(err)
	}
	deps := app.Deps{Clock: clock.System, Log: silent(), StateDir: t.TempDir()}
	i := &instance{events: events.NewFakeRecorder(1000)}
	options := app.Options{Deps: deps}
	for _, ch := range change {
		ch(&options)
	}
	i.team, err = newTeam(t.Context(), options, d, c, i.events, c.apply)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var g errgroup.Group
	g.Go(func() error { return i.team.run(ctx) })
	i.stop = sync.OnceValue(func() error {
		cancel()
		return g.Wait()
	})
	t.Cleanup(func() { _ = i.stop() })
	return i
}

func newCabinet() *cabinet {
	return &cabinet{memories: map[types.NamespacedName]memory{}, statuses: map[string]v1alpha1.Status{}}
}

func minutes(n float64) {
	time.Sleep(time.Duration(n * float64(time.Minute)))
	synctest.Wait()
}

func conditions(s v1alpha1.Status) map[string]string {
	all := map[string]string{}
	for _, c := range s.Conditions {
		all[c.Type] = c.Status + " " + c.Reason
	}
	return all
}

// From an applied object to a scaled target and a status that says why.
func TestAnAppliedObjectIsScaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		i := acts(t, w, c)
		w.Load("web", 45)
		i.team.desk.seen(applied(t, "shop", "web", shop("web")+"  shadows: [{hpa: {metrics: [{signal: requestRate, averageValue: 5}]}}]\n"))
		minutes(1)
		if got := w.Count("web"); got != 5 {
			t.Fatalf("%d replicas, want 5 for 45 requests/s", got)
		}
		minutes(1.5)
		s := c.status("shop.web")
		if diff := cmp.Diff([]*int{new(5), new(5), new(5)}, []*int{s.CurrentReplicas, s.DesiredReplicas, s.ReadyReplicas}); diff != "" || s.LastScaleTime == nil || s.ObservedGeneration != 1 {
			t.Errorf("status %+v, want five replicas, when that was, generation 1", s)
		}
		if len(s.Decisions) == 0 || s.Decisions[0].To != 5 || s.Decisions[0].Reason == "" {
			t.Errorf("decisions %+v, want the one for 5 with its reason", s.Decisions)
		}
		if got := <-i.events.Events; got != "Normal SuccessfulRescale New size: 5; it was 1; reason: requestRate 45 at 10 per replica: 5" {
			t.Errorf("event %q, want the new size and why", got)
		}
		if len(s.Shadows) != 1 || s.Shadows[0].Replicas != 9 {
			t.Errorf("shadows %+v, want 9 of the one that aims at half", s.Shadows)
		}
		want := map[string]string{"Ready": "True Running", "AbleToScale": "True ReadyForNewScale", "ScalingActive": "True ValidMetricFound", "ScalingLimited": "False DesiredWithinRange", "DataFresh": "True Fresh"}
		if diff := cmp.Diff(want, conditions(s)); diff != "" {
			t.Errorf("conditions (-want +got):\n%s", diff)
		}
		i.team.desk.seen(applied(t, "shop", "cart", shop("cart")))
		minutes(1)
		i.team.desk.gone(key("shop", "web"))
		minutes(1)
		w.Load("web", 85)
		if err := i.stop(); err != nil {
			t.Fatal(err)
		}
		if got := w.Count("web"); got != 5 {
			t.Errorf("after the end of the document: %d replicas, want the 5 to stay", got)
		}
	})
}

// The limits show as those of a HorizontalPodAutoscaler do.
func TestConditionsTellWhatLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		i := acts(t, w, c)
		w.Load("web", 500)
		i.team.desk.seen(applied(t, "shop", "web", shop("web")))
		minutes(3)
		if got := conditions(c.status("shop.web"))["ScalingLimited"]; got != "True TooManyReplicas" {
			t.Errorf("got %s, want True TooManyReplicas", got)
		}
		w.Hide("web", errors.New("the API server does not answer"))
		minutes(3)
		got := conditions(c.status("shop.web"))
		if got["AbleToScale"] != "False FailedGetScale" {
			t.Errorf("got %v, want AbleToScale False FailedGetScale", got)
		}
		w.Hide("web", nil)
		i.team.desk.seen(applied(t, "shop", "web", shop("web"), annotated(PausedAnnotation, "true")))
		minutes(2)
		got = conditions(c.status("shop.web"))
		if got["AbleToScale"] == "False FailedGetScale" || got["ScalingActive"] != "False ScalingDisabled" {
			t.Errorf("got %v, want the target read again and ScalingActive False ScalingDisabled", got)
		}
	})
}

// A status is written when it says something new, and not for each decision.
func TestStatusesAreWrittenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		i := acts(t, w, c)
		i.team.desk.seen(applied(t, "shop", "web", shop("web")))
		minutes(5)
		before := c.writes()
		minutes(60)
		if n := c.writes() - before; n != 0 {
			t.Errorf("%d writes in an hour in which nothing changed, want none", n)
		}
		for range 60 { // the reason has another number each time, the count is the same
			w.Load("web", 9.1)
			minutes(0.5)
			w.Load("web", 9.4)
			minutes(0.5)
		}
		if n := c.writes() - before; n == 0 || n > 61 {
			t.Errorf("%d writes in an hour of other numbers, want one a minute at most", n)
		}
	})
}

// One that takes over goes on with what was remembered: a cooldown that has
// begun.
func TestTheNextInstanceRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		first := acts(t, w, c)
		w.Load("web", 85)
		cooled := shop("web") + "  cooldown: {scaleDown: 1h}\n"
		first.team.desk.seen(applied(t, "shop", "web", cooled))
		minutes(2)
		if got := w.Count("web"); got != 9 {
			t.Fatalf("%d replicas, want 9", got)
		}
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		if len(c.memories) != 1 {
			t.Fatalf("%d memories are kept, want 1", len(c.memories))
		}
		w.Load("web", 5)
		second := acts(t, w, c)
		object := applied(t, "shop", "web", cooled)
		status, err := fields(c.status("shop.web"))
		if err != nil {
			t.Fatal(err)
		}
		object.Object["status"] = status
		second.team.desk.seen(object)
		minutes(30)
		if got := w.Count("web"); got != 9 {
			t.Errorf("half an hour after the change: %d replicas, want the 9 of the cooldown", got)
		}
		minutes(35)
		if got := w.Count("web"); got != 1 {
			t.Errorf("after the cooldown: %d replicas, want 1", got)
		}
	})
}

// One that takes over knows the load that the last one has seen: where it surged
// lately it keeps more than who begins afresh.
func TestTheNextInstanceKnowsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		first := acts(t, w, c)
		first.team.desk.seen(applied(t, "shop", "web", foreseen))
		for range 6 {
			w.Load("web", 20)
			minutes(9)
			w.Load("web", 200)
			minutes(1)
		}
		w.Load("web", 20)
		minutes(8)
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		takesOver := func() (count int) {
			w.Set("web", 1) // what follows is its own doing
			i := acts(t, w, c)
			i.team.desk.seen(applied(t, "shop", "web", foreseen))
			minutes(0.5)
			_ = i.stop()
			return w.Count("web")
		}
		knows := takesOver()
		clear(c.memories)
		if blank := takesOver(); knows <= blank {
			t.Errorf("%d replicas by who knows of the surges, %d by who does not: want more", knows, blank)
		}
	})
}

// A pause by hand holds for the next instance too.
func TestTheNextInstanceKeepsWhatWasSetByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		first := acts(t, w, c)
		first.team.desk.seen(applied(t, "shop", "web", shop("web")))
		minutes(1)
		if err := first.team.controller.SetMode(t.Context(), "shop.web", record.Override{Mode: scale.Paused, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		w.Load("web", 85)
		second := acts(t, w, c)
		second.team.desk.seen(applied(t, "shop", "web", shop("web")))
		minutes(2)
		if got := w.Count("web"); got != 1 {
			t.Errorf("%d replicas, want the 1 of the pause", got)
		}
	})
}

// foreseen is the spec of a service whose load is forecast.
const foreseen = `
  target: {fake: {name: web}}
  replicas: {min: 1, max: 90}
  balancer: {nobody: {}}
  sync: 5s
  objective: {latency: {threshold: 500ms, target: 99%}}
  policy: {predictive: {service: {serviceMean: 100ms, concurrency: 1}}}
`

// Who was given a token lately is let in, and whose was taken away is not.
func TestTokensAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := newLine(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7070})
		token := func(secret string) []web.Token { return []web.Token{web.NewToken("ann", secret)} }
		var held atomic.Value
		held.Store("first-0123456789ab")
		acts(t, operatortest.New(), newCabinet(), func(o *app.Options) {
			o.Dashboard, o.Tokens = door, token("first-0123456789ab")
			o.ReloadTokens = func() ([]web.Token, error) { return token(held.Load().(string)), nil }
		})
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			door.hand(ctx, theirs)
			return ours, nil
		}}}
		ask := func(secret string) int {
			in, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:7070/api/v1/targets", nil)
			in.Header.Set("Authorization", "Bearer "+secret)
			answer, err := client.Do(in)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			return answer.StatusCode
		}
		if got := ask("first-0123456789ab"); got != http.StatusOK {
			t.Fatalf("the first token: %d, want 200", got)
		}
		held.Store("second-0123456789ab")
		time.Sleep(2 * tokensEvery)
		if first, second := ask("first-0123456789ab"), ask("second-0123456789ab"); first != http.StatusUnauthorized || second != http.StatusOK {
			t.Errorf("after the file changed: %d for the first token and %d for the second, want 401 and 200", first, second)
		}
	})
}

// One that was killed has written no memory; the change of the count is in the
// status, and the cooldown that it began goes on.
func TestAChangeIsNotForgottenByAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		first := acts(t, w, c)
		w.Load("web", 15)
		cooled := shop("web") + "  cooldown: {scaleDown: 1h}\n"
		first.team.desk.seen(applied(t, "shop", "web", cooled))
		minutes(5)
		if c.memory(nil).Decider == nil {
			t.Fatal("no memory is kept after five minutes")
		}
		minutes(55)
		old := c.memory(nil)
		w.Load("web", 85)
		minutes(1)
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		c.memory(&old) // as if it had been killed
		w.Load("web", 5)
		second := acts(t, w, c)
		object := applied(t, "shop", "web", cooled)
		object.Object["status"], _ = fields(c.status("shop.web"))
		second.team.desk.seen(object)
		minutes(30)
		if got := w.Count("web"); got != 9 {
			t.Errorf("half an hour after the change: %d replicas, want the 9 of the cooldown", got)
		}
	})
}

// One that was killed before it had kept any memory has told its changes all the
// same.
func TestAChangeIsNotForgottenWithoutAMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		first := acts(t, w, c)
		w.Load("web", 85)
		cooled := shop("web") + "  cooldown: {scaleDown: 1h}\n"
		first.team.desk.seen(applied(t, "shop", "web", cooled))
		minutes(1)
		_ = first.stop()
		clear(c.memories)
		w.Load("web", 5)
		second := acts(t, w, c)
		object := applied(t, "shop", "web", cooled)
		object.Object["status"], _ = fields(c.status("shop.web"))
		second.team.desk.seen(object)
		minutes(30)
		if got := w.Count("web"); got != 9 {
			t.Errorf("half an hour after the change: %d replicas, want the 9 of the cooldown", got)
		}
	})
}

// What was set by hand fits, whatever else does not.
func TestWhatWasSetByHandIsKeptBesideWhatIsTooLarge(t *testing.T) {
	noise := make([]byte, 2*largestMemory)
	_, _ = rand.Read(noise)
	content, err := pack(memory{Decider: noise, Override: []byte("paused")})
	if _, large := errors.AsType[tooLarge](err); !large || content["decider"] != nil {
		t.Errorf("%d bytes of noise: %v, want that they are too many", len(noise), err)
	}
	if m, err := unpack(&unstructured.Unstructured{Object: content}); err != nil || string(m.Override) != "paused" {
		t.Errorf("got %q, %v; want what was set by hand", m.Override, err)
	}
}

// A service that fails is begun again, and the others never notice.
func TestAFailingServiceIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := operatortest.New(), newCabinet()
		i := acts(t, w, c)
		w.Break("web", errors.New("the watch broke"))
		i.team.desk.seen(applied(t, "shop", "web", shop("web")))
		i.team.desk.seen(applied(t, "shop", "cart", shop("cart")))
		w.Load("cart", 35)
		minutes(1)
		if got := conditions(c.status("shop.web"))["Ready"]; got != "False Failed" {
			t.Errorf("web: got %s, want False Failed", got)
		}
		if got := w.Count("cart"); got != 4 {
			t.Errorf("cart: %d replicas, want 4", got)
		}
		w.Break("web", nil)
		w.Load("web", 35)
		minutes(6)
		if got := w.Count("web"); got != 4 {
			t.Errorf("web: %d replicas after it was mended, want 4", got)
		}
		if got := conditions(c.status("shop.web"))["Ready"]; got != "True Running" {
			t.Errorf("web: got %s, want True Running", got)
		}
	})
}
