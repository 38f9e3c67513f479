package roles_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app/roles"
)

func TestParse(t *testing.T) {
	got, err := roles.Parse("planner, monitor,planner")
	if want := (roles.Set{roles.Monitor, roles.Planner}); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if !got.Has(roles.Planner) || got.Has(roles.Executor) || !got.Has(roles.Executor, roles.Monitor) || got.String() != "monitor,planner" {
		t.Errorf("%q has others than monitor and planner", got)
	}
	if everything := (roles.Set)(nil); !everything.Has(roles.Executor) {
		t.Error("a process without roles does everything")
	}
	for _, wrong := range []string{"", "planner,", "boss", "Planner"} {
		if _, err := roles.Parse(wrong); err == nil || !strings.Contains(err.Error(), "monitor,planner,executor,balancer,dashboard") {
			t.Errorf("%q: got %v, want an error that lists the roles", wrong, err)
		}
	}
}
