package process

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
func scene(desired int, replicas ...member) view {
	return view{
		now: at(100), desired: desired, replicas: replicas,
		startTimeout: time.Minute, livenessTimeout: 30 * time.Second,
		load: func(string) (int, bool) { return 0, true },
	}
}

func fresh(id string) member { return member{id: id, startedAt: at(90), since: at(90)} }
func working(id string) member {
	return member{id: id, ready: true, everReady: true, startedAt: at(10), since: at(20)}
}
func old(m member) member { m.outdated = true; return m }
func leaving(m member) member {
	m.deleted = true
	return m
}
func sick(id string, since int) member {
	m := working(id)
	m.ready, m.since = false, at(since)
	return m
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		rule string
		view view
		want []action
	}{
		{"what is missing is started", scene(2), []action{{verb: start}, {verb: start}}},
		{"what is there is left alone", scene(2, working("a"), fresh("b")), nil},
		{"one on its way out does not count", scene(1, leaving(working("a"))), []action{{verb: start}}},
		{"nothing is started during back-off", func() view { v := scene(2); v.retryAt = at(101); return v }(), nil},
		{"after back-off it is", func() view { v := scene(1); v.retryAt = at(100); return v }(), []action{{verb: start}}},
		{"one that is too many goes", scene(1, working("a"), fresh("b")), []action{{remove, "b", causeScaleDown}}},
		{"stop ends all and starts none", func() view {
			v := scene(0, working("a"), fresh("b"), leaving(working("c")))
			v.stopping = true
			return v
		}(), []action{{remove, "a", causeStop}, {remove, "b", causeStop}}},
		{"one that does not get ready is replaced",
			scene(1, member{id: "a", startedAt: at(40), since: at(40)}),
			[]action{{replace, "a", causeStartTimeout}, {verb: start}}},
		{"but not before its time", scene(1, member{id: "a", startedAt: at(41), since: at(41)}), nil},
		{"an adopted one has its time from when it was adopted", scene(1, member{id: "a", startedAt: at(1), since: at(99)}), nil},
		{"one that hangs is replaced", scene(1, sick("a", 70)), []action{{replace, "a", causeLiveness}, {verb: start}}},
		{"but not before its time", scene(1, sick("a", 71)), nil},
		{"never without livenessTimeout", func() view { v := scene(1, sick("a", 0)); v.livenessTimeout = 0; return v }(), nil},
		{"none is chosen before adopted ones were probed",
			scene(1, working("a"), member{id: "b", unprobed: true, startedAt: at(50), since: at(99)}), nil},
		{"an outdated one gets a successor first", scene(1, old(working("a"))), []action{{verb: start}}},
		{"and stays until that is ready", scene(1, old(working("a")), fresh("b")), nil},
		{"then it goes", scene(1, old(working("a")), working("b")), []action{{remove, "a", causeOutdated}}},
		{"an outdated one that does not work goes at once", scene(2, old(sick("a", 99)), old(working("b")), fresh("c")),
			[]action{{remove, "a", causeOutdated}}},
		{"to scale to zero no successor is needed", scene(0, old(working("a"))), []action{{remove, "a", causeScaleDown}}},
		{"scaling down during a rollout takes outdated ones", scene(2, old(working("a")), working("b"), old(working("c")), working("d")),
			[]action{{remove, "a", causeScaleDown}}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			if diff := cmp.Diff(test.want, plan(test.view), cmp.AllowUnexported(action{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestVictimsAreThoseWhoseEndCostsLeast(t *testing.T) {
	young := func(id string, started int) member {
		m := working(id)
		m.startedAt = at(started)
		return m
	}
	loads := map[string]int{"busy": 7, "idle": 1, "idle-young": 1, "outdated": 9}
	v := scene(0)
	v.load = func(id string) (int, bool) { n, known := loads[id]; return n, known }
	all := []member{
		young("busy", 30), young("idle", 10), young("idle-young", 20), young("unknown", 5),
		old(young("outdated", 1)), sick("sick", 90), fresh("starting"),
	}
	var got []string
	for _, m := range v.victims(all, len(all)) {
		got = append(got, m.id)
	}
	want := []string{"starting", "sick", "outdated", "unknown", "idle-young", "idle", "busy"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of going, -want +got:\n%s", diff)
	}
}

func TestWake(t *testing.T) {
	v := scene(1, working("a"), sick("b", 95), fresh("c"), leaving(fresh("d")))
	if got, want := v.wake(), at(125); !got.Equal(want) {
		t.Errorf("got %v, want %v: the end of livenessTimeout of b", got, want)
	}
	v.retryAt = at(110)
	if got := v.wake(); !got.Equal(at(110)) {
		t.Errorf("got %v, want the end of back-off", got)
	}
	v.stopping = true
	if got := v.wake(); !got.IsZero() {
		t.Errorf("while stopping: got %v, want never", got)
	}
}

// drawView is any view at all.
func drawView(t *rapid.T) view {
	v := scene(rapid.IntRange(0, 6).Draw(t, "desired"))
	v.stopping = rapid.IntRange(0, 9).Draw(t, "stopping") == 0
	v.retryAt = at(rapid.IntRange(95, 105).Draw(t, "retryAt"))
	loads := map[string]int{}
	for i := range rapid.IntRange(0, 9).Draw(t, "replicas") {
		m := member{
			id:        fmt.Sprintf("r%d", i),
			deleted:   rapid.Bool().Draw(t, "deleted"),
			outdated:  rapid.Bool().Draw(t, "outdated"),
			everReady: rapid.Bool().Draw(t, "everReady"),
			startedAt: at(rapid.IntRange(0, 99).Draw(t, "startedAt")),
		}
		m.since = at(rapid.IntRange(0, 99).Draw(t, "since"))
		m.ready = m.everReady && rapid.Bool().Draw(t, "ready")
		m.unprobed = !m.everReady && rapid.IntRange(0, 9).Draw(t, "unprobed") == 0
		if rapid.Bool().Draw(t, "load known") {
			loads[m.id] = rapid.IntRange(0, 20).Draw(t, "load")
		}
		v.replicas = append(v.replicas, m)
	}
	v.load = func(id string) (int, bool) { n, known := loads[id]; return n, known }
	return v
}

// after is the view once the actions have been begun.
func after(v view, actions []action) view {
	v.replicas = slices.Clone(v.replicas)
	for i, a := range actions {
		if a.verb == start {
			v.replicas = append(v.replicas, member{id: fmt.Sprintf("new-%d-%d", len(v.replicas), i), startedAt: v.now, since: v.now})
			continue
		}
		for j := range v.replicas {
			if v.replicas[j].id == a.id {
				v.replicas[j].deleted = true
			}
		}
	}
	return v
}

func staying(v view, also func(member) bool) int {
	return count(v.replicas, func(m member) bool { return !m.deleted && also(m) })
}

func isReady(m member) bool    { return m.ready }
func isOutdated(m member) bool { return m.outdated }
func anyOf(member) bool        { return true }

func TestPlanKeepsItsPromisesForAnyView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		actions := plan(v)
		if again := plan(v); !slices.Equal(actions, again) {
			t.Fatalf("the same view gives %v and then %v", actions, again)
		}
		seen := map[string]bool{}
		for _, a := range actions {
			switch i := slices.IndexFunc(v.replicas, func(m member) bool { return m.id == a.id }); {
			case a.verb == start && (v.stopping || v.retryAt.After(v.now)):
				t.Fatalf("started while stopping or backing off: %v", actions)
			case a.verb != start && (i < 0 || v.replicas[i].deleted || seen[a.id]):
				t.Fatalf("%v acts on %q, which is not there to act on", actions, a.id)
			case a.verb == replace && v.replicas[i].ready:
				t.Fatalf("replaced %q, which works", a.id)
			}
			seen[a.id] = true
		}
		next := after(v, actions)
		room := v.desired
		if staying(v, isOutdated) > 0 {
			room++ // the successor of an outdated one
		}
		if n := staying(next, anyOf); n > max(room, staying(v, anyOf)) {
			t.Fatalf("%d replicas where %d are desired: %v", n, v.desired, actions)
		}
		if before, now := staying(v, isReady), staying(next, isReady); !v.stopping && now < min(before, v.desired) {
			t.Fatalf("%d of %d ready ones are left where %d are desired: %v", now, before, v.desired, actions)
		}
	})
}

func TestPlanComesToRestWhereEverythingWorks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		v.retryAt = time.Time{}
		for range 40 {
			v = after(v, plan(v))
			for i := range v.replicas {
				m := &v.replicas[i]
				m.ready, m.everReady, m.unprobed, m.since = true, true, false, v.now
			}
		}
		if actions := plan(v); len(actions) > 0 {
			t.Fatalf("does not come to rest: %v", actions)
		}
		want := v.desired
		if v.stopping {
			want = 0
		}
		if n := staying(v, anyOf); n != want {
			t.Fatalf("comes to rest with %d replicas, want %d: %+v", n, want, v.replicas)
		}
		if n := staying(v, isOutdated); n > 0 {
			t.Fatalf("comes to rest with %d outdated replicas: %+v", n, v.replicas)
		}
	})
}
