package control

import (
	"encoding/json"
	"slices"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// impossible stands for a number that JSON does not know. Like that it is
// believed by nobody: nothing that is measured is below zero.
const impossible = -1

// MarshalJSON keeps a value that is none from losing the whole report.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	r.Samples = expressible(r.Samples)
	if r.Status != nil {
		status := *r.Status
		status.Replicas = slices.Clone(status.Replicas)
		for i := range status.Replicas {
			status.Replicas[i].Samples = expressible(status.Replicas[i].Samples)
		}
		r.Status = &status
	}
	return json.Marshal(plain(r))
}

// expressible returns samples that JSON knows; the same where it knows all.
func expressible(samples []scale.Sample) []scale.Sample {
	copied := false
	for i := range samples {
		if series.Finite(samples[i].Value) {
			continue
		}
		if !copied {
			samples, copied = slices.Clone(samples), true
		}
		samples[i].Value = impossible
	}
	return samples
}
