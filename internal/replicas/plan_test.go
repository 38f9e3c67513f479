package replicas

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// at is a time n seconds into the story.
func at(n int) time.Time { return time.Unix(1_000_000+int64(n), 0) }

// scene is a view at second 100 with the limits of the defaults.
func scene(desired int, replicas ...Member) View {
	return View{
		Now: at(100), Desired: desired, Replicas: replicas,
		StartTimeout: time.Minute, LivenessTimeout: 30 * time.Second,
		Load: func(string) (int, bool) { return 0, true },
	}
}

func fresh(id string) Member { return Member{ID: id, StartedAt: at(90), Since: at(90)} }
func working(id string) Member {
	return Member{ID: id, Ready: true, EverReady: true, StartedAt: at(10), Since: at(20)}
}
func old(m Member) Member { m.Outdated = true; return m }
func leaving(m Member) Member {
	m.Deleted = true
	return m
}
func sick(id string, since int) Member {
	m := working(id)
	m.Ready, m.Since = false, at(since)
	return m
}

func behind(v View) View { v.Behind = true; return v }

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		rule string
		view View
		want []Action
	}{
		{"what is missing is started", scene(2), []Action{{Verb: Start}, {Verb: Start}}},
		{"what is there is left alone", scene(2, working("a"), fresh("b")), nil},
		{"one on its way out does not count", scene(1, leaving(working("a"))), []Action{{Verb: Start}}},
		{"nothing is started during back-off", func() View { v := scene(2); v.RetryAt = at(101); return v }(), nil},
		{"nor while it is held", func() View { v := scene(1); v.Held = true; return v }(), nil},
		{"after back-off it is", func() View { v := scene(1); v.RetryAt = at(100); return v }(), []Action{{Verb: Start}}},
		{"one that is too many stays while the balancer does not leave another", behind(scene(1, working("a"), working("b"), leaving(working("c")))), nil},
		{"and is there when more are wanted", behind(scene(2, working("a"), working("b"), leaving(working("c")))), nil},
		{"nor is an outdated one replaced", behind(scene(1, old(working("a")), leaving(working("c")))), nil},
		{"what is missing is started then", behind(scene(2, working("a"), leaving(working("c")))), []Action{{Verb: Start}}},
		{"one that is too many goes", scene(1, working("a"), fresh("b")), []Action{{Remove, "b", ForScaleDown}}},
		{"stop ends all and starts none", func() View {
			v := scene(0, working("a"), fresh("b"), leaving(working("c")))
			v.Stopping = true
			return v
		}(), []Action{{Remove, "a", ForStop}, {Remove, "b", ForStop}}},
		{"one that does not get ready is replaced",
			scene(1, Member{ID: "a", StartedAt: at(40), Since: at(40)}),
			[]Action{{Replace, "a", ForStartTimeout}, {Verb: Start}}},
		{"but not before its time", scene(1, Member{ID: "a", StartedAt: at(41), Since: at(41)}), nil},
		{"an adopted one has its time from when it was adopted", scene(1, Member{ID: "a", StartedAt: at(1), Since: at(99)}), nil},
		{"one that hangs is replaced", scene(1, sick("a", 70)), []Action{{Replace, "a", ForLiveness}, {Verb: Start}}},
		{"but not before its time", scene(1, sick("a", 71)), nil},
		{"never without livenessTimeout", func() View { v := scene(1, sick("a", 0)); v.LivenessTimeout = 0; return v }(), nil},
		{"none is chosen before adopted ones were probed",
			scene(1, working("a"), Member{ID: "b", Unprobed: true, StartedAt: at(50), Since: at(99)}), nil},
		{"an outdated one gets a successor first", scene(1, old(working("a"))), []Action{{Verb: Start}}},
		{"and stays until that is ready", scene(1, old(working("a")), fresh("b")), nil},
		{"then it goes", scene(1, old(working("a")), working("b")), []Action{{Remove, "a", ForOutdated}}},
		{"an outdated one that does not work goes at once", scene(2, old(sick("a", 99)), old(working("b")), fresh("c")),
			[]Action{{Remove, "a", ForOutdated}}},
		{"to scale to zero no successor is needed", scene(0, old(working("a"))), []Action{{Remove, "a", ForScaleDown}}},
		{"scaling down during a rollout takes outdated ones", scene(2, old(working("a")), working("b"), old(working("c")), working("d")),
			[]Action{{Remove, "a", ForScaleDown}}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Plan(test.view)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestVictimsAreThoseWhoseEndCostsLeast(t *testing.T) {
	young := func(id string, started int) Member {
		m := working(id)
		m.StartedAt = at(started)
		return m
	}
	loads := map[string]int{"busy": 7, "idle": 1, "idle-young": 1, "outdated": 9}
	v := scene(0)
	v.Load = func(id string) (int, bool) { n, known := loads[id]; return n, known }
	all := []Member{
		young("busy", 30), young("idle", 10), young("idle-young", 20), young("unknown", 5),
		old(young("outdated", 1)), sick("sick", 90), fresh("starting"),
	}
	var got []string
	for _, m := range v.victims(all, len(all)) {
		got = append(got, m.ID)
	}
	want := []string{"starting", "sick", "outdated", "unknown", "idle-young", "idle", "busy"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of going, -want +got:\n%s", diff)
	}
}

func TestWake(t *testing.T) {
	v := scene(1, working("a"), sick("b", 95), fresh("c"), leaving(fresh("d")))
	if got, want := v.Wake(), at(125); !got.Equal(want) {
		t.Errorf("got %v, want %v: the end of livenessTimeout of b", got, want)
	}
	v.RetryAt = at(110)
	if got := v.Wake(); !got.Equal(at(110)) {
		t.Errorf("got %v, want the end of back-off", got)
	}
	v.Stopping = true
	if got := v.Wake(); !got.IsZero() {
		t.Errorf("while Stopping: got %v, want never", got)
	}
}

// drawView is any view at all.
func drawView(t *rapid.T) View {
	v := scene(rapid.IntRange(0, 6).Draw(t, "desired"))
	v.Stopping = rapid.IntRange(0, 9).Draw(t, "stopping") == 0
	v.RetryAt = at(rapid.IntRange(95, 105).Draw(t, "retryAt"))
	loads := map[string]int{}
	for i := range rapid.IntRange(0, 9).Draw(t, "replicas") {
		m := Member{
			ID:        fmt.Sprintf("r%d", i),
			Deleted:   rapid.Bool().Draw(t, "deleted"),
			Outdated:  rapid.Bool().Draw(t, "outdated"),
			EverReady: rapid.Bool().Draw(t, "everReady"),
			StartedAt: at(rapid.IntRange(0, 99).Draw(t, "startedAt")),
		}
		m.Since = at(rapid.IntRange(0, 99).Draw(t, "since"))
		m.Ready = m.EverReady && rapid.Bool().Draw(t, "ready")
		m.Unprobed = !m.EverReady && rapid.IntRange(0, 9).Draw(t, "unprobed") == 0
		if rapid.Bool().Draw(t, "load known") {
			loads[m.ID] = rapid.IntRange(0, 20).Draw(t, "load")
		}
		v.Replicas = append(v.Replicas, m)
	}
	v.Load = func(id string) (int, bool) { n, known := loads[id]; return n, known }
	return v
}

// after is the view once the actions have been begun.
func after(v View, actions []Action) View {
	v.Replicas = slices.Clone(v.Replicas)
	for i, a := range actions {
		if a.Verb == Start {
			v.Replicas = append(v.Replicas, Member{ID: fmt.Sprintf("new-%d-%d", len(v.Replicas), i), StartedAt: v.Now, Since: v.Now})
			continue
		}
		for j := range v.Replicas {
			if v.Replicas[j].ID == a.ID {
				v.Replicas[j].Deleted = true
			}
		}
	}
	return v
}

func staying(v View, also func(Member) bool) int {
	return count(v.Replicas, func(m Member) bool { return !m.Deleted && also(m) })
}

func isReady(m Member) bool    { return m.Ready }
func isOutdated(m Member) bool { return m.Outdated }
func anyOf(Member) bool        { return true }

func TestPlanKeepsItsPromisesForAnyView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		actions := Plan(v)
		if again := Plan(v); !slices.Equal(actions, again) {
			t.Fatalf("the same view gives %v and then %v", actions, again)
		}
		seen := map[string]bool{}
		for _, a := range actions {
			switch i := slices.IndexFunc(v.Replicas, func(m Member) bool { return m.ID == a.ID }); {
			case a.Verb == Start && (v.Stopping || v.RetryAt.After(v.Now)):
				t.Fatalf("started while stopping or backing off: %v", actions)
			case a.Verb != Start && (i < 0 || v.Replicas[i].Deleted || seen[a.ID]):
				t.Fatalf("%v acts on %q, which is not there to act on", actions, a.ID)
			case a.Verb == Replace && v.Replicas[i].Ready:
				t.Fatalf("replaced %q, which works", a.ID)
			}
			seen[a.ID] = true
		}
		next := after(v, actions)
		room := v.Desired
		if staying(v, isOutdated) > 0 {
			room++ // the successor of an outdated one
		}
		if n := staying(next, anyOf); n > max(room, staying(v, anyOf)) {
			t.Fatalf("%d replicas where %d are Desired: %v", n, v.Desired, actions)
		}
		if before, now := staying(v, isReady), staying(next, isReady); !v.Stopping && now < min(before, v.Desired) {
			t.Fatalf("%d of %d ready ones are left where %d are Desired: %v", now, before, v.Desired, actions)
		}
	})
}

func TestPlanComesToRestWhereEverythingWorks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		v.RetryAt = time.Time{}
		for range 40 {
			v = after(v, Plan(v))
			for i := range v.Replicas {
				m := &v.Replicas[i]
				m.Ready, m.EverReady, m.Unprobed, m.Since = true, true, false, v.Now
			}
		}
		if actions := Plan(v); len(actions) > 0 {
			t.Fatalf("does not come to rest: %v", actions)
		}
		want := v.Desired
		if v.Stopping {
			want = 0
		}
		if n := staying(v, anyOf); n != want {
			t.Fatalf("comes to rest with %d replicas, want %d: %+v", n, want, v.Replicas)
		}
		if n := staying(v, isOutdated); n > 0 {
			t.Fatalf("comes to rest with %d outdated Replicas: %+v", n, v.Replicas)
		}
	})
}

func TestComplete(t *testing.T) {
	for _, test := range []struct {
		rule string
		view View
		want bool
	}{
		{"with what is desired", scene(2, working("a"), working("b")), true},
		{"with more, and one on its way out", scene(1, working("a"), working("b"), leaving(fresh("c"))), true},
		{"not while one is missing", scene(2, working("a"), leaving(working("b"))), false},
		{"not while one starts", scene(1, working("a"), fresh("b")), false},
		{"not while one is to be replaced", scene(1, working("a"), old(working("b"))), false},
		{"where nothing is desired", scene(0), true},
	} {
		if got := test.view.Complete(); got != test.want {
			t.Errorf("%s: %v, want %v", test.rule, got, test.want)
		}
	}
}

func TestEarlier(t *testing.T) {
	for _, test := range []struct{ a, b, want time.Time }{
		{time.Time{}, time.Time{}, time.Time{}},
		{at(1), time.Time{}, at(1)},
		{time.Time{}, at(2), at(2)},
		{at(1), at(2), at(1)},
		{at(2), at(1), at(1)},
	} {
		if got := Earlier(test.a, test.b); !got.Equal(test.want) {
			t.Errorf("Earlier(%v, %v) is %v", test.a, test.b, got)
		}
	}
}
