package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/operator/operatortest"
	"github.com/flyball-io/flyball/scale"
)

// clerk stands for the controller: it notes what it is told.
type clerk struct {
	said   []string
	runs   map[string]app.Spec
	refuse map[string]error
	// refuseMax has documents with this max refused; 0: none.
	refuseMax int
}

func (c *clerk) Change(_ context.Context, change app.Change) (map[string]error, error) {
	refused := map[string]error{}
	for _, name := range change.Gone {
		c.said = append(c.said, "end "+name)
		delete(c.runs, name)
	}
	for _, s := range change.Set {
		err := c.refuse[s.Name]
		if c.refuseMax != 0 && s.Max == c.refuseMax {
			err = errors.New("that many cannot be had")
		}
		if err != nil {
			c.said = append(c.said, "refuse "+s.Name)
			refused[s.Name] = err
			continue
		}
		c.said = append(c.said, "set "+s.Name)
		c.runs[s.Name] = s
	}
	return refused, nil
}

// office is a desk with all that is around it.
type office struct {
	*desk
	clerk    *clerk
	verdicts map[string]verdict
}

func newOffice(t *testing.T) *office {
	t.Helper()
	d, err := newDecoder(operatortest.New().Plugins(), worldRules(), clock.System)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{clerk: &clerk{runs: map[string]app.Spec{}, refuse: map[string]error{}}, verdicts: map[string]verdict{}}
	o.desk = newDesk(d, o.clerk, clock.System, silent())
	o.told = func(doc *document, v verdict) { o.verdicts[doc.name()] = v }
	return o
}

// settled brings objects to the desk and returns what the controller was told.
func (o *office) after(t *testing.T, objects ...*unstructured.Unstructured) []string {
	t.Helper()
	for _, u := range objects {
		o.seen(u)
	}
	o.clerk.said = nil
	if err := o.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o.clerk.said
}

func (o *office) expect(t *testing.T, name, reason, message string) {
	t.Helper()
	if v := o.verdicts[name]; v.Reason != reason || !strings.Contains(v.Message, message) {
		t.Errorf("%s: got %s: %s; want %s: %s", name, v.Reason, v.Message, reason, message)
	}
}

func said(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the controller was told %q, want %q", got, want)
	}
}

func shop(spec string) string { return fmt.Sprintf(rateSpec, spec) }

func TestAnObjectBecomesADocument(t *testing.T) {
	o := newOffice(t)
	said(t, o.after(t, applied(t, "shop", "web", shop("web"))), "set shop.web")
	o.expect(t, "shop.web", Running, "decisions are applied")
	said(t, o.after(t, applied(t, "shop", "web", shop("web"))))
	said(t, o.after(t, applied(t, "shop", "web", strings.Replace(shop("web"), "max: 9", "max: 5", 1), generation(2))), "set shop.web")
	if got := o.clerk.runs["shop.web"].Max; got != 5 {
		t.Errorf("runs with max %d, want 5", got)
	}
	o.gone(key("shop", "web"))
	said(t, o.after(t), "end shop.web")
}

// An object that is replaced by one of its name, faster than its end is seen, is
// another one: nothing of the first is left.
func TestAnObjectThatIsMadeAnewIsAnotherOne(t *testing.T) {
	o := newOffice(t)
	var forgotten []string
	o.forgotten = func(k types.NamespacedName) { forgotten = append(forgotten, Name(k)) }
	said(t, o.after(t, applied(t, "shop", "web", shop("web"))), "set shop.web")
	o.gone(key("shop", "web"))
	anew := func(u *unstructured.Unstructured) { u.SetUID("another") }
	said(t, o.after(t, applied(t, "shop", "web", shop("web"), anew)), "end shop.web", "set shop.web")
	if !slices.Equal(forgotten, []string{"shop.web"}) {
		t.Errorf("forgotten: %q, want the first", forgotten)
	}
	said(t, o.after(t, applied(t, "shop", "web", strings.Replace(shop("web"), "max: 9", "mx: 9", 1))), "end shop.web") // without an end being told, and wrong
	o.expect(t, "shop.web", InvalidDocument, "mx")
}

// What is wrong with one leaves the others alone, and says all that is wrong.
func TestAWrongDocumentIsLeftOut(t *testing.T) {
	o := newOffice(t)
	wrong := strings.NewReplacer("max: 9", "mx: 9", "sync: 5s", "sync: soon").Replace(shop("web"))
	said(t, o.after(t, applied(t, "shop", "web", wrong), applied(t, "shop", "cart", shop("cart"))), "set shop.cart")
	o.expect(t, "shop.web", InvalidDocument, "spec.replicas.mx: unknown field")
	o.expect(t, "shop.web", InvalidDocument, "spec.sync: must be a duration")
	o.expect(t, "shop.cart", Running, "")
	said(t, o.after(t, applied(t, "shop", "web", shop("web"), generation(2))), "set shop.web")
	o.expect(t, "shop.web", Running, "")
}

// A document that becomes wrong while it runs goes on as it was.
func TestAnEditThatIsWrongChangesNothing(t *testing.T) {
	o := newOffice(t)
	o.after(t, applied(t, "shop", "web", shop("web")))
	said(t, o.after(t, applied(t, "shop", "web", strings.Replace(shop("web"), "max: 9", "max: 0", 1), generation(2))))
	o.expect(t, "shop.web", InvalidDocument, "what it said in generation 1 goes on to hold")
	said(t, o.after(t, applied(t, "shop", "other", shop("other"))), "set shop.other")
	said(t, o.after(t, applied(t, "shop", "web", shop("web"), generation(3))), "set shop.web")
	o.expect(t, "shop.web", Running, "")
}

func TestWhatIsNotAllowed(t *testing.T) {
	for _, tc := range []struct{ name, spec, reason, message string }{
		{"another namespace", strings.Replace(shop("web"), "{name: web}", "{name: web, namespace: bank}", 1), ForbiddenNamespace, "forbidden namespace"},
		{"its own namespace", strings.Replace(shop("web"), "{name: web}", "{name: web, namespace: shop}", 1), Running, ""},
		{"metrics of another namespace", shop("web") + "  signals: [{name: q, kubernetes: {namespace: bank, external: {metric: deposits}}}]\n", ForbiddenNamespace, "spec.signals[0].kubernetes.namespace: must be that of the Autoscaler (shop)"},
		{"metrics of its own", shop("web") + "  signals: [{name: q, kubernetes: {namespace: shop, external: {metric: orders}}}]\n", Running, ""},
		{"a program in the operator's container", strings.Replace(shop("web"), "fake: {name: web}", "process: {command: [sh]}", 1), NotAllowed, "must be a target of a cluster (fake), got process"},
		{"a balancer that writes files", strings.Replace(shop("web"), "nobody: {}", "nginx: {}", 1), NotAllowed, "got nginx"},
		{"the operator's token", shop("web") + "  signals: [{name: q, prometheus: {server: 'http://evil', query: q, bearerTokenFile: /var/run/secrets/token}}]\n", NotAllowed, "spec.signals[0].prometheus.bearerTokenFile: must be left out"},
		{"the operator's token, by a shadow", shop("web") + "  shadows: [{remote: {url: 'http://evil', bearerTokenFile: /var/run/secrets/token}}]\n", NotAllowed, "spec.shadows[0].remote.bearerTokenFile: must be left out"},
		{"the operator's token, by an expert", shop("web") + "  objective: {latency: {threshold: 1s, target: 99%}}\n  envelope: {expert: {remote: {url: 'http://evil', bearerTokenFile: /var/run/secrets/token}}}\n", NotAllowed, "spec.envelope.expert.remote.bearerTokenFile"},
		{"a model", shop("web") + "  shadows: [{combine: {max: [{learned: {model: /dev/zero}}]}}]\n", NotAllowed, "spec.shadows[0].combine.max[0].learned.model: must be left out"},
		{"a model that ships", shop("web") + "  objective: {latency: {threshold: 1s, target: 99%}}\n  shadows: [{combine: {max: [{learned: {model: general}}]}}]\n", Running, ""},
		{"a file like a model that ships", shop("web") + "  shadows: [{learned: {model: ./general}}]\n", NotAllowed, "spec.shadows[0].learned.model: must be left out"},
		{"whom the operator asks", shop("web") + "  shadows: [{advised: {advisor: {openai: {url: 'http://evil/v1'}}}}]\n", NotAllowed, "spec.shadows[0].advised.advisor.openai.url: must be left out: whom the operator asks"},
		{"whom it asks, by an expert", shop("web") + "  objective: {latency: {threshold: 1s, target: 99%}}\n  envelope: {expert: {combine: {max: [{advised: {advisor: {gemini: {url: 'http://evil'}}}}]}}}\n", NotAllowed, "spec.envelope.expert.combine.max[0].advised.advisor.gemini.url: must be left out"},
		{"whom it asks, spelled in another way", shop("web") + "  shadows: [{advised: {advisor: {OpenAI: {URL: 'http://evil/v1'}}}}]\n", InvalidDocument, "unknown field"},
		{"a model of whom it asks", shop("web") + "  objective: {latency: {threshold: 1s, target: 99%}}\n  shadows: [{advised: {advisor: {openai: {model: 'm'}}}}]\n", Running, ""},
		{"its certificates", shop("web") + "  signals: [{name: q, prometheus: {server: 'https://evil', query: q, tls: {keyFile: /key, certFile: /cert}}}]\n", NotAllowed, "spec.signals[0].prometheus.tls.keyFile"},
	} {
		o := newOffice(t)
		o.after(t, applied(t, "shop", "web", tc.spec))
		t.Run(tc.name, func(t *testing.T) { o.expect(t, "shop.web", tc.reason, tc.message) })
	}
}

// Of two on one target the older one stays, whichever is seen first, and the
// other takes over once that has gone.
func TestTheOlderOneKeepsTheTarget(t *testing.T) {
	o := newOffice(t)
	o.after(t, applied(t, "shop", "new", shop("web"), createdAt(200)))
	said(t, o.after(t, applied(t, "shop", "old", shop("web"), createdAt(100))), "end shop.new", "set shop.old")
	o.expect(t, "shop.new", TargetTaken, "shop/old scales web, and so does this one: the older one stays")
	o.expect(t, "shop.old", Running, "")
	o.gone(key("shop", "old"))
	said(t, o.after(t), "end shop.old", "set shop.new")
	o.expect(t, "shop.new", Running, "")
	said(t, o.after(t, applied(t, "shop", "third", shop("web"), createdAt(300))))
	o.expect(t, "shop.third", TargetTaken, "shop/new")
}

// What the controller refuses is tried again, later each time.
func TestWhatIsRefusedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.clerk.refuse["shop.web"] = errors.New("the target cannot be reached")
		said(t, o.after(t, applied(t, "shop", "web", shop("web"))), "refuse shop.web")
		o.expect(t, "shop.web", Refused, "cannot be reached")
		said(t, o.after(t))
		time.Sleep(firstRetry)
		said(t, o.after(t), "refuse shop.web")
		time.Sleep(firstRetry)
		said(t, o.after(t))
		delete(o.clerk.refuse, "shop.web")
		time.Sleep(firstRetry)
		said(t, o.after(t), "set shop.web")
		o.expect(t, "shop.web", Running, "")
		said(t, o.after(t))
	})
}

// Where the target is somebody else's by now nothing is left to be tried again.
func TestWhatWasRefusedIsNotTriedWhileTheTargetIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.clerk.refuse["shop.new"] = errors.New("the target cannot be reached")
		said(t, o.after(t, applied(t, "shop", "new", shop("web"), createdAt(200))), "refuse shop.new")
		said(t, o.after(t, applied(t, "shop", "old", shop("web"), createdAt(100))), "set shop.old")
		time.Sleep(firstRetry)
		said(t, o.after(t))
		o.expect(t, "shop.new", TargetTaken, "shop/old")
		if wait := o.next(); wait != look {
			t.Errorf("it is looked again after %v, want %v: nothing has changed", wait, look)
		}
		delete(o.clerk.refuse, "shop.new")
		o.gone(key("shop", "old"))
		said(t, o.after(t), "end shop.old", "set shop.new")
	})
}

// A service that ends by itself takes nobody with it and is begun again.
func TestAServiceThatEndsIsBegunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.after(t, applied(t, "shop", "web", shop("web")), applied(t, "shop", "cart", shop("cart")))
		o.failed("shop.web", errors.New("the watch broke"))
		said(t, o.after(t))
		o.expect(t, "shop.web", Failed, "the watch broke")
		time.Sleep(firstRetry)
		said(t, o.after(t), "set shop.web")
		o.expect(t, "shop.web", Running, "")
	})
}

func TestAnnotationsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		for _, tc := range []struct {
			name, mode string
			notes      [2]string
			want       scale.Mode
			ends       bool
		}{
			{"paused", "Apply", [2]string{"true", ""}, scale.Paused, false},
			{"paused until", "Apply", [2]string{"", until}, scale.Paused, true},
			{"both: without an end", "Apply", [2]string{"true", until}, scale.Paused, false},
			{"not paused", "Apply", [2]string{"false", ""}, scale.Apply, false},
			{"over", "Apply", [2]string{"", "2000-01-01T00:00:00Z"}, scale.Apply, false},
			{"a time nobody can read", "Apply", [2]string{"", "tomorrow"}, scale.Paused, false},
			{"a document that recommends", "Recommend", [2]string{"", until}, scale.Paused, false}, // whose end would apply it
			{"a document that recommends, and goes on", "Recommend", [2]string{"", "2000-01-01T00:00:00Z"}, scale.Recommend, false},
			{"a document that pauses", "Paused", [2]string{"", until}, scale.Paused, false},
		} {
			o := newOffice(t)
			o.after(t, applied(t, "shop", "web", "\n  mode: "+tc.mode+shop("web"), annotated(PausedAnnotation, tc.notes[0]), annotated(PausedUntilAnnotation, tc.notes[1])))
			got := o.clerk.runs["shop.web"]
			if got.Mode != tc.want || (got.PausedUntil != nil) != tc.ends {
				t.Errorf("%s: got %s until %v, want %s, with an end %v", tc.name, got.Mode, got.PausedUntil, tc.want, tc.ends)
			}
		}
	})
}

// What only recommends is followed by others, and is paused for them: at the end
// it recommends again, and is never applied.
func TestAPauseOfWhatRecommendsEndsInRecommending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		o.after(t, applied(t, "shop", "web", "\n  mode: Recommend"+shop("web"), annotated(PausedUntilAnnotation, until)))
		plan, err := new(o.clerk.runs["shop.web"]).Plan()
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{time.Now(), time.Now().Add(61 * time.Minute)} {
			if got := plan.ModeAt(at); got != scale.Paused {
				t.Errorf("%v: until the document is looked at again it must be Paused, got %s", at, got)
			}
		}
		time.Sleep(61 * time.Minute)
		said(t, o.after(t), "set shop.web")
		if got := o.clerk.runs["shop.web"].Mode; got != scale.Recommend {
			t.Errorf("after the pause: %s, want Recommend", got)
		}
	})
}

// A document that has become wrong goes on as it was, and can be paused all the
// same: that is when somebody will want it.
func TestAWrongDocumentCanBePaused(t *testing.T) {
	for _, tc := range []struct {
		name, reason string
		becomes      func(o *office) (spec string)
	}{
		{"invalid", InvalidDocument, func(*office) string { return strings.Replace(shop("web"), "max: 9", "max: 0", 1) }},
		{"refused before it is handed over", Refused, func(*office) string { return strings.Replace(shop("web"), "name: web", "name: web, missing: true", 1) }},
		{"refused by the controller", Refused, func(o *office) string {
			o.clerk.refuseMax = 8
			return strings.Replace(shop("web"), "max: 9", "max: 8", 1)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				o.after(t, applied(t, "shop", "web", shop("web")))
				wrong, until := tc.becomes(o), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
				pauseIs := func(mode scale.Mode, message string) {
					t.Helper()
					if got := o.clerk.runs["shop.web"]; got.Mode != mode || got.Max != 9 {
						t.Errorf("%s with max %d runs, want %s with 9, which holds", got.Mode, got.Max, mode)
					}
					o.expect(t, "shop.web", tc.reason, "what it said in generation 1 goes on to hold"+message)
				}
				o.after(t, applied(t, "shop", "web", wrong, generation(2)))
				pauseIs(scale.Apply, "")
				o.after(t, applied(t, "shop", "web", wrong, generation(2), annotated(PausedUntilAnnotation, until)))
				pauseIs(scale.Paused, "; it is paused")
				if tc.reason == Refused && o.documents[key("shop", "web")].retry.failures == 0 {
					t.Error("what was refused is not tried again: to pause what runs is no success of the other")
				}
				if sets := o.after(t); slices.Contains(sets, "set shop.web") {
					t.Errorf("said again: %q", sets)
				}
				time.Sleep(61 * time.Minute)
				o.after(t)
				pauseIs(scale.Apply, "")
				o.after(t, applied(t, "shop", "web", wrong, generation(2), annotated(PausedAnnotation, "true")))
				pauseIs(scale.Paused, "; it is paused")
				o.after(t, applied(t, "shop", "web", shop("web"), generation(3), annotated(PausedAnnotation, "true")))
				o.expect(t, "shop.web", Running, "it is paused")
			})
		})
	}
}

// A pause that the controller refuses is said again later, and not at once.
func TestAPauseThatIsRefusedIsSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.after(t, applied(t, "shop", "web", shop("web")))
		wrong := strings.Replace(shop("web"), "max: 9", "max: 0", 1)
		o.after(t, applied(t, "shop", "web", wrong, generation(2)))
		o.clerk.refuse["shop.web"] = errors.New("the target cannot be reached")
		said(t, o.after(t, applied(t, "shop", "web", wrong, generation(2), annotated(PausedAnnotation, "true"))), "refuse shop.web")
		said(t, o.after(t))
		delete(o.clerk.refuse, "shop.web")
		time.Sleep(firstRetry)
		said(t, o.after(t), "set shop.web")
		o.expect(t, "shop.web", InvalidDocument, "it is paused")
	})
}

// One whose target has changed was ended for that: where the new one is refused
// nothing runs, and nothing else is said.
func TestAnotherTargetThatIsRefusedLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.after(t, applied(t, "shop", "web", shop("web")))
		o.clerk.refuse["shop.web"] = errors.New("the target cannot be reached")
		said(t, o.after(t, applied(t, "shop", "web", shop("other"), generation(2))), "refuse shop.web")
		if v := o.verdicts["shop.web"]; v.Runs || v.Reason != Refused {
			t.Errorf("got %+v, want that it does not run", v)
		}
		delete(o.clerk.refuse, "shop.web")
		time.Sleep(firstRetry)
		said(t, o.after(t), "set shop.web")
	})
}

// An annotation comes and goes, and a pause ends, without a change of the
// document.
func TestAPauseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.after(t, applied(t, "shop", "web", shop("web")))
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		said(t, o.after(t, applied(t, "shop", "web", shop("web"), annotated(PausedUntilAnnotation, until))), "set shop.web")
		o.expect(t, "shop.web", Running, "it is paused")
		time.Sleep(61 * time.Minute)
		said(t, o.after(t), "set shop.web")
		if got := o.clerk.runs["shop.web"].Mode; got != scale.Apply {
			t.Errorf("after the pause: %s, want Apply", got)
		}
		o.expect(t, "shop.web", Running, "decisions are applied")
	})
}

// A pause that was mistyped holds, and who wonders why it does not end is told.
func TestAPauseThatCannotBeReadIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.after(t, applied(t, "shop", "web", shop("web"), annotated(PausedUntilAnnotation, "tomorrow")))
		o.expect(t, "shop.web", Running, `it is paused; the annotation flyball.io/paused-until must be a time such as 2026-12-24T18:00:00Z, got "tomorrow"`)
	})
}
