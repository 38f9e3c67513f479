package schedule_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/policytest"
	"github.com/flyball-io/flyball/policy/schedule"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// builder makes the one policy that these tests nest: an HPA on 3 requests in
// progress per replica.
func builder(p scale.Plugin, env policy.Env) (policy.Policy, error) {
	if p.Kind != "hpa" {
		return nil, fmt.Errorf("unknown policy %q", p.Kind)
	}
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{{Signal: scale.Concurrency, AverageValue: new(3.0)}}
	return hpa.New(cfg, env)
}

func build(t testing.TB, cfg schedule.Config) *schedule.Policy {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := schedule.New(cfg, policy.Env{Target: "web", Min: 2, Max: 50}, builder)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func most(n int) *int { return &n }

func window(cron string, hours float64, zone string, low int, high *int) schedule.Window {
	return schedule.Window{Cron: cron, Duration: scale.Duration(hours * float64(time.Hour)), TimeZone: zone, Min: low, Max: high}
}

func hpaWithin(windows ...schedule.Window) schedule.Config {
	return schedule.Config{Windows: windows, Of: &scale.Plugin{Kind: "hpa"}}
}

func TestConformance(t *testing.T) {
	daily := window("@daily", 24, "Asia/Kolkata", 3, most(9)) // three is what a test without data has
	alone := schedule.Config{Windows: []schedule.Window{daily}}
	for name, cfg := range map[string]schedule.Config{
		"of hpa":  hpaWithin(daily),
		"ceiling": hpaWithin(window("0 8 * * *", 1, "", 0, most(2))),
		"alone":   alone,
	} {
		other := alone
		if name == "alone" {
			other = hpaWithin(daily)
		}
		t.Run(name, func(t *testing.T) {
			policytest.Run(t,
				func(t *testing.T) policy.Policy { return build(t, cfg) },
				func(t *testing.T) policy.Policy { return build(t, other) })
		})
	}
}

// at is an instant of the clock in a zone; "02:30+0100" tells the two of a
// night apart.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05 -0700", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWindowsOpenAndClose(t *testing.T) {
	for _, tc := range []struct {
		name, cron, zone string
		length           time.Duration
		at               string
		open             bool
	}{
		{"a second before", "0 8 * * 1-5", "", 10 * time.Hour, "2026-01-05 07:59:59 +0000", false},
		{"as it opens", "0 8 * * 1-5", "", 10 * time.Hour, "2026-01-05 08:00:00 +0000", true},
		{"its last second", "0 8 * * 1-5", "", 10 * time.Hour, "2026-01-05 17:59:59 +0000", true},
		{"as it closes", "0 8 * * 1-5", "", 10 * time.Hour, "2026-01-05 18:00:00 +0000", false},
		{"not on Sunday", "0 8 * * 1-5", "", 10 * time.Hour, "2026-01-04 12:00:00 +0000", false},
		{"past midnight, from Friday", "0 22 * * 5", "", 8 * time.Hour, "2026-01-10 05:00:00 +0000", true},
		{"longer than its period it is always open", "@daily", "", 48 * time.Hour, "2026-01-10 05:00:00 +0000", true},
		{"by the clock of its zone", "0 8 * * *", "Asia/Tokyo", time.Hour, "2026-01-04 23:30:00 +0000", true},
		{"not of another", "0 8 * * *", "Asia/Tokyo", time.Hour, "2026-01-05 08:30:00 +0000", false},
		{"a zone of half an hour", "0 8 * * *", "Asia/Kolkata", time.Hour, "2026-01-05 02:30:00 +0000", true},
		{"29 February", "0 0 29 2 *", "", 24 * time.Hour, "2028-02-29 12:00:00 +0000", true},
		{"@yearly", "@yearly", "", 24 * time.Hour, "2026-01-01 23:59:59 +0000", true},

		// Berlin puts its clock forward on 2026-03-29 at 02:00.
		{"winter", "0 8 * * *", "Europe/Berlin", time.Hour, "2026-03-28 08:00:00 +0100", true},
		{"summer", "0 8 * * *", "Europe/Berlin", time.Hour, "2026-03-29 08:00:00 +0200", true},
		{"summer, by the winter's clock", "0 8 * * *", "Europe/Berlin", time.Hour, "2026-03-29 08:00:00 +0100", false},
		{"02:30 does not exist: not before 03:00", "30 2 * * *", "Europe/Berlin", time.Hour, "2026-03-29 01:59:59 +0100", false},
		{"but at 03:00", "30 2 * * *", "Europe/Berlin", time.Hour, "2026-03-29 03:00:00 +0200", true},
		{"for its hour", "30 2 * * *", "Europe/Berlin", time.Hour, "2026-03-29 03:59:59 +0200", true},
		{"and no longer", "30 2 * * *", "Europe/Berlin", time.Hour, "2026-03-29 04:00:00 +0200", false},
		{"a window over the gap lasts its real time", "0 1 * * *", "Europe/Berlin", 2 * time.Hour, "2026-03-29 03:59:59 +0200", true},
		{"not its hours on the clock", "0 1 * * *", "Europe/Berlin", 2 * time.Hour, "2026-03-29 04:00:00 +0200", false},

		// And back on 2026-10-25 at 03:00: 02:30 comes twice.
		{"02:30 opens the first time", "30 2 * * *", "Europe/Berlin", 20 * time.Minute, "2026-10-25 02:30:00 +0200", true},
		{"for its twenty minutes", "30 2 * * *", "Europe/Berlin", 20 * time.Minute, "2026-10-25 02:50:00 +0200", false},
		{"not again an hour later", "30 2 * * *", "Europe/Berlin", 20 * time.Minute, "2026-10-25 02:35:00 +0100", false},
		{"every hour opens the first time", "30 * * * *", "Europe/Berlin", 20 * time.Minute, "2026-10-25 02:35:00 +0200", true},
		{"and the second", "30 * * * *", "Europe/Berlin", 20 * time.Minute, "2026-10-25 02:35:00 +0100", true},
		{"a night of nine hours", "0 22 * * *", "Europe/Berlin", 8 * time.Hour, "2026-10-25 04:59:59 +0100", true},
		{"ends an hour early on the clock", "0 22 * * *", "Europe/Berlin", 8 * time.Hour, "2026-10-25 05:00:00 +0100", false},
		// Lord Howe Island changes by half an hour, Troll station by two.
		{"half an hour forward", "15 2 * * *", "Australia/Lord_Howe", time.Hour, "2026-10-04 02:30:00 +1100", true},
		{"and not before", "15 2 * * *", "Australia/Lord_Howe", time.Hour, "2026-10-04 01:59:59 +1030", false},
		{"two hours forward", "30 1 * * *", "Antarctica/Troll", time.Hour, "2026-03-29 03:00:00 +0200", true},
		// São Paulo once had no midnight.
		{"a midnight that is missing", "@daily", "America/Sao_Paulo", time.Hour, "2018-11-04 01:00:00 -0200", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := schedule.Window{Name: "it", Cron: tc.cron, TimeZone: tc.zone, Duration: scale.Duration(tc.length), Min: 7}
			obs := scaletest.Observation(0, 3)
			obs.At = at(t, tc.at)
			rec, err := build(t, schedule.Config{Windows: []schedule.Window{w}}).Recommend(obs)
			if err != nil || (rec.Replicas == 7) != tc.open {
				t.Errorf("%q for %v in %q at %s: got %d (%s), %v; want open %v", tc.cron, tc.length, tc.zone, tc.at, rec.Replicas, rec.Reason, err, tc.open)
			}
		})
	}
}

// A window that opens once a day is open for exactly its duration on every
// day of a year, whatever the clock does, unless it opens in a gap.
func TestEveryDayHasItsWindow(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		p := build(t, schedule.Config{Windows: []schedule.Window{window("30 1 * * *", 1, zone, 7, nil)}})
		for day := time.Date(2026, 1, 1, 12, 0, 0, 0, loc); day.Year() < 2027; day = day.AddDate(0, 0, 1) {
			open := 0
			for q := day.Add(-15 * time.Hour); q.Before(day); q = q.Add(30 * time.Minute) {
				if rec, _ := p.Recommend(scale.Observation{At: q}); rec.Replicas == 7 {
					open++
				}
			}
			if open != 2 {
				t.Errorf("%s before %v: open for %d half-hours, want 2", zone, day, open)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	always := func(name string, low int, high *int) schedule.Window {
		w := window("@daily", 24, "", low, high)
		w.Name = name
		return w
	}
	closed := window("0 3 * * *", 1, "", 40, most(45))
	load := func(total float64) scale.Signal { return scaletest.Fresh(scale.Concurrency, scaletest.At(0), total) }
	doubt := load(3)
	doubt.Trust = scale.Stale
	for _, tc := range []struct {
		rule    string
		cfg     schedule.Config
		current int
		signal  scale.Signal
		want    int
		code    string
		text    string
	}{
		{"the floor raises", hpaWithin(always("day", 5, nil)), 4, load(6), 5, "WindowFloor", "window day keeps at least 5; wanted 2"},
		{"a higher wish stays", hpaWithin(always("day", 5, nil)), 4, load(27), 9, "Target", "concurrency 27 at 3 per replica: 9"},
		{"the ceiling lowers", hpaWithin(always("night", 0, most(4))), 4, load(27), 4, "WindowCeiling", "window night allows at most 4; wanted 9"},
		{"a closed window does nothing", hpaWithin(closed), 4, load(27), 9, "Target", ""},
		{"the highest floor and the lowest ceiling count",
			hpaWithin(always("a", 3, most(20)), always("b", 5, most(30)), always("c", 4, most(10))), 9, load(90), 10, "WindowCeiling", "window c"},
		{"of the floors too", hpaWithin(always("a", 3, most(20)), always("b", 5, most(30)), always("c", 4, most(10))), 9, load(0), 5, "WindowFloor", "window b"},
		{"a floor wins over a ceiling", hpaWithin(always("sale", 8, nil), always("night", 0, most(2))), 4, load(15), 8, "WindowConflict",
			"window sale keeps at least 8, which wins over another one's at most 2"},
		{"a ceiling of none", hpaWithin(always("off", 0, most(0))), 4, load(15), 0, "WindowCeiling", ""},
		{"without an opinion the floor holds", hpaWithin(always("day", 5, nil)), 4, doubt, 5, "WindowFloor", "keeps at least 5; wanted 4"},
		{"alone it wants the floor", schedule.Config{Windows: []schedule.Window{always("day", 5, nil)}}, 9, load(90), 5, "WindowFloor", ""},
		{"and outside the minimum", schedule.Config{Windows: []schedule.Window{closed}}, 9, load(90), 2, "Minimum", ""},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			rec, err := build(t, tc.cfg).Recommend(scaletest.Observation(0, tc.current, tc.signal))
			if err != nil || rec.Replicas != tc.want || rec.Reason.Code != tc.code || !strings.Contains(rec.Reason.String(), tc.text) {
				t.Errorf("got %d (%s: %s), %v; want %d (%s: … %s)", rec.Replicas, rec.Reason.Code, rec.Reason, err, tc.want, tc.code, tc.text)
			}
		})
	}
}

func TestBadDataTakesNothingAway(t *testing.T) {
	night := hpaWithin(window("@daily", 24, "", 1, most(2)))
	night.Windows[0].Name = "night"
	stale := scaletest.Fresh(scale.Concurrency, scaletest.At(0), 3)
	stale.Trust = scale.Stale
	_, err := build(t, night).Recommend(scaletest.Observation(0, 6, stale))
	if !errors.Is(err, scale.ErrNoData) {
		t.Errorf("ceiling 2, no data, 6 replicas: got %v, want no opinion", err)
	}
}

func TestProposalsShowBoth(t *testing.T) {
	day := window("@daily", 24, "", 5, nil)
	rec, err := build(t, hpaWithin(day)).Recommend(scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 6)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range rec.Proposals {
		got = append(got, fmt.Sprintf("%s %d", p.Signal, p.Replicas))
	}
	if diff := cmp.Diff([]string{"concurrency 2", "@daily 5"}, got); diff != "" {
		t.Errorf("proposals (-want +got):\n%s", diff)
	}
}

func TestSignalsAreThoseOfThePolicyWithin(t *testing.T) {
	if diff := cmp.Diff([]string{scale.Concurrency}, build(t, hpaWithin(window("@daily", 1, "", 1, nil))).Signals()); diff != "" {
		t.Error(diff)
	}
	if got := build(t, schedule.Config{Windows: []schedule.Window{window("@daily", 1, "", 1, nil)}}).Signals(); len(got) != 0 {
		t.Errorf("alone: got %v, want none", got)
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	bad := schedule.Config{Windows: []schedule.Window{
		{}, window("0 25 * * *", 1, "Mars/Olympus", 1, nil), window("@every 5m", -1, "Local", -1, nil),
		window("0 0 31 2 *", 24*400, "", 5, most(4)), window("TZ=UTC 0 0 * * *", 1, "", 1, nil), window("@reboot", 1, "", 1, nil),
	}}
	got := bad.Validate().Error()
	for _, want := range []string{
		"windows[0].cron: must be five fields", "windows[0].duration: must be above 0", "windows[0].min: a window needs min, max or both",
		"windows[1].cron: must be five fields", `windows[1].timeZone: must be an IANA name such as Europe/Berlin, got "Mars/Olympus"`,
		"windows[2].cron: @every", `windows[2].timeZone: must be an IANA name`, "windows[2].duration: ", "windows[2].min: must be at least 0",
		`windows[3].cron: "0 0 31 2 *" never comes`, "windows[3].duration: ", "windows[3].max: must be at least 0 and not below min (5), got 4",
		"windows[4].cron: the zone belongs into timeZone", "windows[5].cron: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
	if err := schedule.Default().Validate(); err == nil || !strings.HasPrefix(err.Error(), "windows: ") {
		t.Errorf("no window: got %v", err)
	}
}

func TestAFloorAboveTheMaximumIsRefused(t *testing.T) {
	_, err := schedule.New(hpaWithin(window("@daily", 1, "", 51, nil)), policy.Env{Max: 50}, builder)
	if err == nil || !strings.HasPrefix(err.Error(), "schedule.windows[0].min: ") {
		t.Errorf("got %v", err)
	}
	if _, err := schedule.New(schedule.Config{Of: &scale.Plugin{Kind: "x"}}, policy.Env{}, builder); err == nil || !strings.HasPrefix(err.Error(), "of: ") {
		t.Errorf("a policy that cannot be built: got %v", err)
	}
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "0 8 * * 1-5", "@daily", "*/7 1,2 L * *", "TZ= ", "0 0 29 2 *", "@every 1s", "60 * * * *", "? ? ? ? ?"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, cron string) {
		cfg := schedule.Config{Windows: []schedule.Window{window(cron, 1, "Europe/Berlin", 1, nil)}}
		if cfg.Validate() != nil {
			return
		}
		p, err := schedule.New(cfg, policy.Env{}, builder)
		if err != nil {
			panic(err)
		}
		_, _ = p.Recommend(scaletest.Observation(0, 1))
	})
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	p := build(t, hpaWithin(window("0 7 * * *", 2, "Europe/Berlin", 5, nil), window("0 3 * * *", 1, "America/New_York", 0, most(3))))
	obs := scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 6))
	if n := testing.AllocsPerRun(200, func() { _, _ = p.Recommend(obs) }); n != 0 {
		t.Errorf("Recommend allocates %v times, want 0", n)
	}
}

func BenchmarkRecommend(b *testing.B) {
	p := build(b, hpaWithin(window("0 7 * * 1-5", 2, "Europe/Berlin", 5, nil), window("*/2 * * * *", 0.01, "America/New_York", 0, most(3))))
	obs := scaletest.Observation(0, 4, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 6))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = p.Recommend(obs)
	}
}

// A day in Berlin at a steady load that wants 3: the limits come and go, and
// a restart in the middle of a window changes nothing.
func TestADay(t *testing.T) {
	cfg := hpaWithin(
		window("0 8 * * 1-5", 10, "Europe/Berlin", 6, nil),
		window("0 22 * * *", 8, "Europe/Berlin", 0, most(2)),
		window("30 9 * * *", 1, "Europe/Berlin", 9, most(12)),
	)
	p := build(t, cfg)
	var got []string
	last := -1
	for minute := 0; minute < 24*60; minute += 15 {
		obs := scaletest.Observation(0, 3, scaletest.Fresh(scale.Concurrency, scaletest.At(0), 9))
		obs.At = at(t, "2026-01-05 00:00:00 +0100").Add(time.Duration(minute) * time.Minute)
		if minute == 9*60+45 {
			p = build(t, cfg)
		}
		rec, err := p.Recommend(obs)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Replicas != last {
			got = append(got, fmt.Sprintf("%02d:%02d %d", minute/60, minute%60, rec.Replicas))
		}
		last = rec.Replicas
	}
	want := []string{"00:00 2", "06:00 3", "08:00 6", "09:30 9", "10:30 6", "18:00 3", "22:00 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a day (-want +got):\n%s", diff)
	}
}

// A ceiling of zero is the wish that nobody be served; whoever waits must wait
// on. A floor that is open at the same time wins.
func TestACeilingOfZeroClosesTheService(t *testing.T) {
	night, always := window("0 22 * * *", 8, "", 0, most(0)), window("@daily", 24, "", 2, nil)
	closed := scale.Plugin{Kind: "closed"}
	for _, tc := range []struct {
		rule string
		cfg  schedule.Config
		hour int
		want bool
	}{
		{"at night", hpaWithin(night), 23, true},
		{"by day", hpaWithin(night), 12, false},
		{"at most one is not none", hpaWithin(window("0 22 * * *", 8, "", 0, most(1))), 23, false},
		{"a floor wins", hpaWithin(night, always), 23, false},
		{"also without a policy within", schedule.Config{Windows: []schedule.Window{night}}, 23, true},
		{"what the policy within says", schedule.Config{Windows: []schedule.Window{night}, Of: &closed}, 12, true},
		{"a floor wins over that too", schedule.Config{Windows: []schedule.Window{always}, Of: &closed}, 12, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p, err := schedule.New(tc.cfg, policy.Env{Min: 0, Max: 50}, func(p scale.Plugin, env policy.Env) (policy.Policy, error) {
				if p.Kind == "closed" {
					return schedule.New(schedule.Config{Windows: []schedule.Window{window("@daily", 24, "", 0, most(0))}}, env, builder)
				}
				return builder(p, env)
			})
			if err != nil {
				t.Fatal(err)
			}
			obs := scaletest.Observation(0, 0)
			obs.At = time.Date(2026, 3, 2, tc.hour, 0, 0, 0, time.UTC)
			if got := policy.Closed(p, obs); got != tc.want {
				t.Errorf("closed: got %v, want %v", got, tc.want)
			}
		})
	}
}

// worried says that something lasts.
type worried struct{ policy.Policy }

func (worried) Conditions() []scale.GuardCondition {
	return []scale.GuardCondition{{Since: scaletest.At(0), Reason: scale.Because("High", "many")}}
}

// What lasts about the policy within lasts, whatever the windows allow.
func TestConditionsAreThoseOfThePolicyWithin(t *testing.T) {
	cfg := hpaWithin(window("@daily", 24, "", 0, most(2)))
	p, err := schedule.New(cfg, policy.Env{Min: 1, Max: 50}, func(p scale.Plugin, env policy.Env) (policy.Policy, error) {
		within, err := builder(p, env)
		return worried{within}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := policy.Conditions(p); len(got) != 1 || got[0].Reason.Code != "High" {
		t.Errorf("got %+v, want that of the policy within", got)
	}
	for name, cfg := range map[string]schedule.Config{"of hpa": cfg, "alone": {Windows: cfg.Windows}} {
		if got := policy.Conditions(build(t, cfg)); len(got) != 0 {
			t.Errorf("%s: got %+v, want none", name, got)
		}
	}
}
