package app

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/flyball-io/flyball/target"
)

// left is a target that cannot end all of its replicas.
type left struct {
	target.Managed
	err error
}

func (l left) Stop(context.Context) error { return l.err }

// A second Ctrl-C kills the replicas, which is what was asked for. One that is
// left behind must be known to who pressed it.
func TestWhoIsInAHurryLearnsWhatIsLeft(t *testing.T) {
	behind := errors.New("containers are left: web-1")
	hurry, rush := context.WithCancel(t.Context())
	rush()
	for _, tc := range []struct {
		hurry     context.Context
		err, want error
	}{
		{hurry, fmt.Errorf("replicas were killed: %w", context.Canceled), nil},
		{hurry, behind, behind},
		{hurry, nil, nil},
		{t.Context(), behind, behind},
	} {
		s := &Service{target: left{err: tc.err}}
		if got := s.stopReplicas(tc.hurry); !errors.Is(got, tc.want) {
			t.Errorf("the target ends with %v: got %v, want %v", tc.err, got, tc.want)
		}
	}
}
