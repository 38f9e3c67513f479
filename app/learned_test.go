package app_test

import (
	"strings"
	"testing"
)

// A model is bounded by what it corrects, where a document says nothing else.
func TestALearnedPolicyComesWithAnEnvelope(t *testing.T) {
	const model = "../builtin/testdata/fewer.flyball"
	learned := func(base, more string) string {
		return strings.Replace(shop, "policy: {hpa: {metrics: [{signal: concurrency, averageValue: 3}]}}", "policy: {learned: {model: "+model+base+"}}"+more, 1)
	}
	for _, tc := range []struct{ base, more, expert string }{
		{"", "", "predictive"},
		{", base: {kpa: {}}", "", "kpa"},
		{"", "\n  envelope: {expert: {lcp: {}}}", "lcp"},
	} {
		spec := load(t, learned(tc.base, tc.more))
		if spec.Policy.Kind != "learned" {
			t.Fatalf("the document has %s", spec.Policy.Kind)
		}
		if e := spec.Policy.Envelope; e == nil || e.Expert.Kind != tc.expert || e.Lambda != 0.2 {
			t.Errorf("%q%q: envelope %+v, want the expert %s", tc.base, tc.more, e, tc.expert)
		}
	}
}
