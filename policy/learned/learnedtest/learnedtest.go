// Package learnedtest has models for tests that are not about what was learned.
package learnedtest

import (
	"testing"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
)

// AsBase is the file of a model that does as its base does, whatever it sees.
func AsBase(t testing.TB) []byte {
	t.Helper()
	m := &learned.Model{Actions: learned.StandardActions(), Origin: learned.Origin{Algorithm: "none"}}
	var err error
	if m.Net, err = neural.New(learned.Width, neural.Layer{Outputs: len(m.Actions)}); err != nil {
		t.Fatal(err)
	}
	_, biases := m.Net.Weights(0)
	biases[m.Actions.Base()] = 1
	f := &m.Features
	for range learned.Width {
		f.Mean, f.Std, f.Least, f.Most = append(f.Mean, 0), append(f.Std, 1), append(f.Least, -2), append(f.Most, 2)
	}
	data, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
