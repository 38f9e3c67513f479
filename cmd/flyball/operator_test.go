package main

import (
	"strings"
	"testing"
)

// What is wrong with a flag is said before any cluster is asked.
func TestOperatorRefusesWrongFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nowhere/kubeconfig")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--health-listen", "8081"}, "--health-listen: must be host:port"},
		{[]string{"--webhook-listen", "x"}, "--webhook-listen: must be host:port"},
		{[]string{"--namespaces", "a,,b"}, "--namespaces: must be names"},
		{[]string{"--log-level", "loud"}, "--log-level: must be"},
		{[]string{"--listen", "7070"}, "--listen: must be host:port"},
		{[]string{"--listen", "0.0.0.0:7070"}, "no cluster"}, // metrics are for everybody
		{[]string{"--state-dir", "/proc/none"}, "--state-dir"},
		{nil, "no cluster"},
		{[]string{"now"}, "takes flags only"},
	} {
		_, errOut, status := execute(t.Context(), append([]string{"operator"}, tc.args...)...)
		if status != 2 || !strings.Contains(errOut, tc.want) {
			t.Errorf("%v: status %d, %s; want 2 and %q", tc.args, status, errOut, tc.want)
		}
	}
}

// What is taken away is never a default.
func TestTheOperatorThatIsToEndIsNamed(t *testing.T) {
	if _, errOut, status := execute(t.Context(), "operator", "end", "--namespace", "flyball-system"); status != 2 || !strings.Contains(errOut, "--deployment: must name the Deployment") {
		t.Errorf("status %d: %s", status, errOut)
	}
}
