package vpadiff

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	vpatypes "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1"

	"github.com/flyball-io/flyball/vertical"
	"github.com/flyball-io/flyball/vertical/verticaltest"
)

const mebibyte = 1 << 20

// both are fed alike.
type both struct {
	t       *testing.T
	ours    *vertical.Recommender
	theirs  *theirs
	refused int
}

func newBoth(t *testing.T, policies vertical.Containers) *both {
	t.Helper()
	return &both{t: t, ours: vertical.New(vertical.VPA(), policies), theirs: newTheirs(t, policies)}
}

func (b *both) Add(u vertical.Usage) error {
	b.t.Helper()
	return b.same(fmt.Sprintf("%+v", u), b.ours.Add(u), b.theirs.add(u))
}

func (b *both) AddOOM(o vertical.OOM) error {
	b.t.Helper()
	return b.same(fmt.Sprintf("%+v", o), b.ours.AddOOM(o), b.theirs.addOOM(o))
}

// same is what both said of what they were told, when they agree whether it
// counts.
func (b *both) same(what string, ours, theirs error) error {
	b.t.Helper()
	if (ours == nil) != (theirs == nil) {
		b.t.Fatalf("%s: ours: %v, upstream: %v", what, ours, theirs)
	}
	if ours != nil {
		b.refused++
	}
	return ours
}

// compare says how the recommendations differ, "" when they do not.
func (b *both) compare() string {
	b.t.Helper()
	ours, theirs := b.ours.Recommend(), b.theirs.recommend()
	if len(ours) != len(theirs) {
		return fmt.Sprintf("recommended for %d containers, upstream for %d", len(ours), len(theirs))
	}
	for i := range theirs {
		if ours[i].Container != theirs[i].ContainerName {
			return fmt.Sprintf("container %q, upstream %q", ours[i].Container, theirs[i].ContainerName)
		}
		if len(ours[i].Estimates) != len(theirs[i].Target) {
			return fmt.Sprintf("%d resources, upstream %d", len(ours[i].Estimates), len(theirs[i].Target))
		}
		for _, e := range ours[i].Estimates {
			if why := differs(e, &theirs[i]); why != "" {
				return fmt.Sprintf("container %q: %s (%s)", ours[i].Container, why, e.Reason)
			}
		}
	}
	return ""
}

func differs(e vertical.Estimate, of *vpatypes.RecommendedContainerResources) string {
	for _, one := range []struct {
		what   string
		ours   vertical.Amount
		theirs corev1.ResourceList
	}{{"target", e.Target, of.Target}, {"lower", e.Lower, of.LowerBound}, {"upper", e.Upper, of.UpperBound}, {"uncapped", e.Uncapped, of.UncappedTarget}} {
		q, found := one.theirs[corev1.ResourceName(e.Resource.String())]
		value := q.Value()
		if e.Resource == vertical.CPU {
			value = q.MilliValue()
		}
		if !found || int64(one.ours) != value {
			return fmt.Sprintf("%s of %s: %d, upstream %d", one.what, e.Resource, one.ours, value)
		}
	}
	return ""
}

// update writes the file anew.
var update = flag.Bool("update", false, "write what upstream recommends for the golden series")

// The golden series of package verticaltest, every minute of ten days, compared
// each hour. What upstream says is kept for the tests of the product.
func TestGoldenSeriesAreRecommendedAlike(t *testing.T) {
	var answers []verticaltest.Answer
	for _, s := range verticaltest.Golden() {
		b := newBoth(t, nil)
		for minute := range verticaltest.Minutes {
			if err := s.Feed(b, minute); err != nil {
				t.Fatalf("%s, minute %d: %v", s.Name, minute, err)
			}
			if minute%60 == 0 || verticaltest.Looked(minute) {
				if why := b.compare(); why != "" {
					t.Fatalf("%s, minute %d: %s", s.Name, minute, why)
				}
			}
			if verticaltest.Looked(minute) {
				answers = append(answers, b.theirs.answers(s.Name, minute)...)
			}
		}
		t.Logf("%s: %s", s.Name, b.ours.Recommend()[0].Estimates[vertical.Memory].Reason)
	}
	keptIsUpstreams(t, answers)
}

// keptIsUpstreams holds the file that the product's tests read against what
// upstream says now.
func keptIsUpstreams(t *testing.T, answers []verticaltest.Answer) {
	t.Helper()
	const file = "../../vertical/testdata/upstream.json"
	var text bytes.Buffer
	for i, a := range answers {
		line, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s%s", pick(i == 0, "[\n", ",\n"), line)
	}
	text.WriteString("\n]\n")
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, text.Bytes()) {
		t.Errorf("%s is not what upstream says: go test -update, and look at the difference", file)
	}
}

func pick(when bool, a, b string) string {
	if when {
		return a
	}
	return b
}

// Fuzzed series: containers and replicas that come and go, gaps, samples twice,
// late and below zero, out of memory at any time, and every policy.
func TestFuzzedSeriesAreRecommendedAlike(t *testing.T) {
	seen := map[string]int{}
	seeds := uint64(3000)
	if testing.Short() {
		seeds /= 10
	}
	for seed := range seeds {
		d := &die{rand.New(rand.NewPCG(seed, 7))}
		b := newBoth(t, d.policies())
		d.play(b, seed, seen)
		seen["refused"] += b.refused
	}
	t.Logf("%v", seen)
	for _, what := range []string{"compared", "refused", "out of memory", vertical.ByUsage, vertical.ByFloor, vertical.ByMinAllowed, vertical.ByMaxAllowed, vertical.ByOutOfMemory, vertical.ByNoUsage} {
		if seen[what] < int(seeds)/10 {
			t.Errorf("%s: seen %d times, the generator is too narrow", what, seen[what])
		}
	}
}

type die struct{ *rand.Rand }

func (d *die) policies() vertical.Containers {
	var all vertical.Containers
	for _, name := range []string{"web", "proxy", vertical.Every} {
		if d.IntN(2) == 0 {
			continue
		}
		p := vertical.ContainerPolicy{Name: name, Off: d.IntN(5) == 0}
		if d.IntN(2) == 0 {
			p.Min = [2]vertical.Amount{vertical.Amount(d.IntN(300)), vertical.Amount(d.IntN(600)) * mebibyte}
		}
		if d.IntN(2) == 0 {
			p.Max = [2]vertical.Amount{vertical.Amount(d.IntN(900)), vertical.Amount(d.IntN(1500)) * mebibyte}
		}
		if d.IntN(4) == 0 {
			p.Controlled = [][]vertical.Resource{{}, {vertical.CPU}, {vertical.Memory}, {vertical.Memory, vertical.CPU}}[d.IntN(4)]
		}
		all = append(all, p)
	}
	return all
}

// play feeds one series to both.
func (d *die) play(b *both, seed uint64, seen map[string]int) {
	b.t.Helper()
	at := verticaltest.Start().Add(time.Duration(d.IntN(100_000)) * time.Second)
	milli, mebibytes := math.Exp(8*d.Float64()), math.Exp(3+5*d.Float64())
	containers, replicas := []string{"web", "proxy", "agent"}[:1+d.IntN(3)], 1+d.IntN(4)
	step := time.Duration(1+d.IntN(7200)) * time.Second
	for n := range 50 + d.IntN(400) {
		at = at.Add(time.Duration(d.ExpFloat64() * float64(step)))
		if d.IntN(200) == 0 { // across the move of the reference
			at = at.Add(time.Duration(d.IntN(150*24)) * time.Hour)
		}
		replica, container := fmt.Sprintf("web-%d", d.IntN(replicas)), containers[d.IntN(len(containers))]
		late := at.Add(-time.Duration(d.ExpFloat64() * float64(step)))
		switch d.IntN(20) {
		case 0:
			_ = b.AddOOM(vertical.OOM{Replica: replica, Container: container, At: late, Requested: vertical.Amount(d.IntN(int(mebibytes)+1)) * mebibyte})
			seen["out of memory"]++
		case 1:
			late, at = at, late
		}
		if d.IntN(3) > 0 {
			_ = b.Add(vertical.Usage{Replica: replica, Container: container, Resource: vertical.CPU, Start: at, Amount: vertical.Amount(milli*d.ExpFloat64()) - vertical.Amount(d.IntN(50)/49)})
		}
		if d.IntN(3) > 0 {
			_ = b.Add(vertical.Usage{Replica: replica, Container: container, Resource: vertical.Memory, Start: at, Amount: vertical.Amount(mebibytes * mebibyte * (0.2 + d.ExpFloat64()))})
		}
		if at.Before(late) {
			at = late
		}
		if n%17 == 0 {
			d.check(b, seed, seen)
		}
	}
	d.check(b, seed, seen)
}

func (d *die) check(b *both, seed uint64, seen map[string]int) {
	b.t.Helper()
	if why := b.compare(); why != "" {
		b.t.Fatalf("seed %d: %s", seed, why)
	}
	seen["compared"]++
	for _, rec := range b.ours.Recommend() {
		for _, e := range rec.Estimates {
			seen[e.Reason.Code]++
		}
	}
}
