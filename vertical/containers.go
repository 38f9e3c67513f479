package vertical

// Every is the name of the policy of the containers that have none of their own.
const Every = "*"

// Containers are the policies of the containers of a target.
type Containers []ContainerPolicy

// ContainerPolicy bounds what one container may ask for.
type ContainerPolicy struct {
	// Name is the container's, or [Every].
	Name string
	// Off leaves the container alone: nothing is recommended for it, and it takes
	// no share of the floor.
	Off bool
	// Min and Max bound the recommendation, by [Resource]; 0: no bound.
	Min, Max [2]Amount
	// Controlled are the resources that are sized; nil: all of them.
	Controlled []Resource
}

// of is the policy of a container: its own, or that of all.
func (c Containers) of(name string) ContainerPolicy {
	every := ContainerPolicy{Name: Every}
	for _, p := range c {
		switch p.Name {
		case name:
			return p
		case Every:
			every = p
		}
	}
	return every
}

func (p ContainerPolicy) controlled() []Resource {
	if p.Controlled == nil {
		return Resources()
	}
	return p.Controlled
}

// bounded is an amount within the bounds. Where they contradict each other, the
// upper one holds.
func (p ContainerPolicy) bounded(r Resource, a Amount) Amount {
	if least := p.Min[r]; least > 0 {
		a = max(a, least)
	}
	if most := p.Max[r]; most > 0 {
		a = min(a, most)
	}
	return a
}
