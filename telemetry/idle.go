package telemetry

import (
	"slices"

	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// ofRequests are measured of requests that were answered, ofReplicas of what runs.
var (
	ofRequests = []string{scale.Latency, scale.ViolationRatio, scale.TimeToFirstToken}
	ofReplicas = []string{scale.Utilization, scale.CPUUtilization, scale.MemoryUtilization,
		scale.DiskReadRate, scale.DiskWriteRate, scale.NetworkReceiveRate, scale.NetworkTransmitRate,
		scale.RunningRequests, scale.KVCacheUsage, scale.TokensPerSecond, scale.GPUUtilization}
)

// unmeasurable reports whether a signal that is absent or stale is so because there
// is nothing to measure it of: then nothing is wrong with it.
func unmeasurable(d *record.Decided, m *record.Measured) bool {
	if m.Trust != scale.Absent && m.Trust != scale.Stale {
		return false
	}
	asleep := d.Decision.CurrentReplicas == 0 && d.Seen.Ready+d.Seen.Starting+d.Seen.Terminating == 0
	switch {
	case slices.Contains(ofRequests, m.Name):
		return asleep || idle(d.Seen.Signals)
	case slices.Contains(ofReplicas, m.Name):
		return asleep
	}
	return false
}

// idle reports that requests neither arrive nor wait nor are in progress, as
// [scale.Observation.Idle] has it; where nobody measures how many arrive, that none
// is worked on.
func idle(signals []record.Measured) bool {
	zero, known := map[string]bool{}, map[string]bool{}
	for i := range signals {
		if m := &signals[i]; m.Trust == scale.Fresh {
			known[m.Name], zero[m.Name] = true, m.Value == 0
		}
	}
	for _, name := range []string{scale.RequestRate, scale.Concurrency, scale.QueueDepth, scale.RunningRequests} {
		if known[name] && !zero[name] {
			return false
		}
	}
	return known[scale.RequestRate] || known[scale.RunningRequests]
}
