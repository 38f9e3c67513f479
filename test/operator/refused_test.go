//go:build linux

package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What cannot be meant is told by a condition and an event, with the reason, and
// the target is left alone.
func TestWhatIsRefusedTouchesNothing(t *testing.T) {
	c := installWhatShips(t)
	c.operate(t, asShipped)
	s := c.site(t, 45)
	s.reaches(t, 5)
	right := fmt.Sprintf(byPrometheus, "web", s.prometheus.url)
	cases := []struct{ name, from, to, reason, message string }{
		{"missing", "kubernetes: {name: web}", "kubernetes: {name: nothing}", "Refused", "there is no Deployment"},
		{"elsewhere", "kubernetes: {name: web}", "kubernetes: {name: web, namespace: kube-system}", "ForbiddenNamespace", "must be that of the Autoscaler"},
		{"second", "", "", "TargetTaken", "the older one stays"},
		{"query", "query: rate, newestQuery: newest", "query: 'sum(rate('", "InvalidDocument", "query"},
		{"unscalable", "kubernetes: {name: web}", "kubernetes: {name: kube-root-ca.crt, kind: ConfigMap, apiVersion: v1}", "Refused", ""},
	}
	for _, tc := range cases {
		text := strings.Replace(right, "metadata: {name: web}", "metadata: {name: "+tc.name+"}", 1)
		if tc.reason != "TargetTaken" {
			text = strings.Replace(text, tc.from, tc.to, 1)
		}
		c.Apply(t, c.namespace, strings.Replace(text, "averageValue: 10", "averageValue: 5", 1)) // would make nine of them
	}
	for _, tc := range cases {
		c.says(t, tc.name, condition("Ready"), "False "+tc.reason+": ")
		c.says(t, tc.name, condition("Ready"), tc.message)
		c.says(t, tc.name, condition("ScalingActive"), "False "+tc.reason)
		if tc.reason == "Refused" {
			c.says(t, tc.name, condition("AbleToScale"), "False FailedGetScale: ")
		}
		told(t, c, tc.name, tc.reason)
	}
	s.keeps(t, 5, 2*time.Second)
	s.only(t, 1, 5)
}
