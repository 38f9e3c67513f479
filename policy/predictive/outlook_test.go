package predictive_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale/scaletest"
)

// What is expected can be asked for, and to ask changes nothing.
func TestTheOutlookIsWhatItDecidesBy(t *testing.T) {
	asked, quiet := build(t, hinted(), environment()), build(t, hinted(), environment())
	for at := time.Duration(0); at < 30*time.Minute; at += sync {
		rate := 400 + 100*float64(at%(5*time.Minute))/float64(5*time.Minute)
		obs := serves(at, rate, 12)
		got, _ := asked.Recommend(obs)
		want, _ := quiet.Recommend(obs)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("at %v somebody who was asked for its outlook decides otherwise:\n%s", at, diff)
		}
		o, known := policy.OutlookOf(asked)
		if !known || o.Load != rate || o.PerReplica != 50 || o.Now > o.Need || float64(o.Now) < rate/50 || o.Need != got.Proposals[0].Replicas {
			t.Fatalf("at %v: outlook %+v, %v: want a load of %v, 50 for each replica and %d of them", at, o, known, rate, got.Proposals[0].Replicas)
		}
		for i := range o.Peak {
			if o.Peak[i] < rate-1e-9 || o.Far[i] < o.Peak[i] || i > 0 && (o.Peak[i] < o.Peak[i-1] || o.Far[i] < o.Far[i-1]) {
				t.Fatalf("at %v of %v/s: quantiles %v, and further ahead %v", at, rate, o.Peak, o.Far)
			}
		}
	}
}

func TestWithoutAnOpinionThereIsNoOutlook(t *testing.T) {
	p := build(t, hinted(), environment())
	if _, known := policy.OutlookOf(p); known {
		t.Error("before the first observation")
	}
	_, _ = p.Recommend(serves(0, 400, 12))
	if _, known := policy.OutlookOf(p); !known {
		t.Error("none with a load of 400/s")
	}
	_, _ = p.Recommend(scaletest.Observation(sync, 12))
	if _, known := policy.OutlookOf(p); known {
		t.Error("without any signal")
	}
}
