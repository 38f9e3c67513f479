package simulated_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/simulated"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
)

func ask(t *testing.T, is advised.Simulated, question string, times int) (all []advisor.Answer, errs []error) {
	t.Helper()
	cfg := advised.Default().Advisor
	cfg.Simulated, cfg.Question = &is, question
	a := simulated.New(cfg, advisor.Env{Target: "web", Min: 2, Max: 20, Sync: 15 * time.Second, Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	defer a.Close()
	if m := a.Manners(); !m.Simulated || m.OnInquiry || m.Every != cfg.Every.Std() {
		t.Errorf("got manners %+v", m)
	}
	for n := range times {
		got, err := a.Ask(t.Context(), advisor.Question{Seen: scaletest.Observation(time.Duration(n)*time.Minute, 5)})
		all, errs = append(all, got), append(errs, err)
	}
	return all, errs
}

func TestQualities(t *testing.T) {
	for quality, want := range map[string][]int{
		"":                       {5, 5, 5},
		advised.Good:             {5, 5, 5},
		advised.Wrong:            {17, 17, 17},
		advised.HostileMin:       {2, 2, 2},
		advised.HostileMax:       {20, 20, 20},
		advised.HostileAlternate: {20, 2, 20},
		advised.HostilePeak:      {2, 2, 2},
	} {
		answers, errs := ask(t, advised.Simulated{Quality: quality}, advised.Replicas, 3)
		var got []int
		for i := range answers {
			if errs[i] != nil {
				t.Fatalf("%s: %v", quality, errs[i])
			}
			got = append(got, *answers[i].Advice.Replicas)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", quality, got, want)
		}
	}
}

func TestRandomAdviceIsThatOfItsSeed(t *testing.T) {
	counts := func(seed uint64) (all []int) {
		answers, _ := ask(t, advised.Simulated{Quality: advised.Random, Seed: seed}, advised.Replicas, 50)
		for _, a := range answers {
			if n := *a.Advice.Replicas; n < 2 || n > 20 {
				t.Fatalf("got %d, out of bounds", n)
			}
			all = append(all, *a.Advice.Replicas)
		}
		return all
	}
	if a, b := counts(1), counts(1); !slices.Equal(a, b) {
		t.Errorf("one seed, two answers: %v and %v", a, b)
	}
	if a, b := counts(1), counts(2); slices.Equal(a, b) {
		t.Errorf("two seeds, one answer: %v", a)
	}
}

func TestThoseWhoDoNotAnswer(t *testing.T) {
	answers, _ := ask(t, advised.Simulated{Quality: advised.Slow}, advised.Replicas, 1)
	if answers[0].Delay <= advised.Default().Advisor.Timeout.Std() {
		t.Errorf("the slow one answers within %v", answers[0].Delay)
	}
	_, errs := ask(t, advised.Simulated{Quality: advised.Limited}, advised.Replicas, 1)
	var later *advisor.Later
	if !errors.As(errs[0], &later) || later.After <= 0 {
		t.Errorf("the limited one: got %v, want to be asked later", errs[0])
	}
}

// From two minutes before until it is over, three times what was there when it
// became known; and again every hour.
func TestForeknowledge(t *testing.T) {
	knows := []advised.Foreknown{{At: scale.Duration(10 * time.Minute), For: scale.Duration(3 * time.Minute), Times: 3, Every: scale.Duration(time.Hour)}}
	answers, errs := ask(t, advised.Simulated{Quality: advised.Knowing, Knows: knows}, advised.Replicas, 140)
	for n := range answers {
		known := n%60 >= 8 && n%60 < 13
		switch {
		case !known && !errors.Is(errs[n], advisor.ErrNoOpinion):
			t.Errorf("minute %d: got %v and %v, want no opinion", n, answers[n].Advice.Replicas, errs[n])
		case known && (errs[n] != nil || *answers[n].Advice.Replicas != 15):
			t.Errorf("minute %d: got %v and %v, want 15", n, answers[n].Advice.Replicas, errs[n])
		}
	}
}

func TestADirectionInTheOtherQuestion(t *testing.T) {
	for quality, want := range map[string]int{advised.HostileMin: -1, advised.HostileMax: 1, advised.Good: 0} {
		answers, _ := ask(t, advised.Simulated{Quality: quality}, advised.Thresholds, 1)
		if a := answers[0].Advice; a.Direction != want || a.Replicas != nil {
			t.Errorf("%s: got %d and %v, want %d", quality, a.Direction, a.Replicas, want)
		}
	}
}
