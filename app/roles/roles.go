// Package roles says what a process of a controller does where several share
// the work, and what stands in there for the rest: a target that somebody else
// scales, a balancer that somebody else runs, a bus that is half in this
// process.
package roles

import (
	"fmt"
	"slices"
	"strings"
)

// Role is a part of a controller that can be a process of its own.
type Role string

// Roles.
const (
	Monitor   Role = "monitor"   // reads the sources that documents name
	Planner   Role = "planner"   // decides, and keeps the record of it
	Executor  Role = "executor"  // changes and watches the targets; it alone needs their rights
	Balancer  Role = "balancer"  // tells the balancer who takes requests, and drains
	Dashboard Role = "dashboard" // API and dashboard
)

// Set is what one process does; none: everything.
type Set []Role

// All are the roles of a controller.
func All() Set { return Set{Monitor, Planner, Executor, Balancer, Dashboard} }

// Parse reads roles separated by commas.
func Parse(text string) (Set, error) {
	var set Set
	for _, name := range strings.Split(text, ",") {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(All(), role) {
			return nil, fmt.Errorf("must be of %s, separated by commas; got %q", All(), name)
		}
		if !slices.Contains(set, role) {
			set = append(set, role)
		}
	}
	slices.Sort(set)
	return set, nil
}

// Has reports whether one of the roles is this process's.
func (s Set) Has(any ...Role) bool {
	return len(s) == 0 || slices.ContainsFunc(any, func(r Role) bool { return slices.Contains(s, r) })
}

func (s Set) String() string {
	names := make([]string, 0, len(s))
	for _, r := range s {
		names = append(names, string(r))
	}
	return strings.Join(names, ",")
}
