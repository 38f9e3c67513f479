package target

// Reached is a configuration by which replicas may have no address, so that no
// balancer can send them requests.
type Reached interface {
	// Unreached returns what is missing for an address, beginning with the path
	// of its field; nil: nothing is.
	Unreached() error
}
