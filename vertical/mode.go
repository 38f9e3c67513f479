package vertical

// Mode is what becomes of a recommendation.
type Mode string

// Modes, as the Vertical Pod Autoscaler has them.
const (
	Off      Mode = "Off"      // it is shown
	Initial  Mode = "Initial"  // containers that start are given it
	Recreate Mode = "Recreate" // and replicas that run are replaced by such
	InPlace  Mode = "InPlace"  // and containers that run are given it as they run
	Auto     Mode = "Auto"     // InPlace where the target can, else Recreate
)

// Modes lists all of them.
func Modes() []Mode { return []Mode{Off, Initial, Recreate, InPlace, Auto} }

// Sizing is what the containers of a target should ask for, and what is to be
// done about it now.
type Sizing struct {
	Mode       Mode             `json:"mode"`
	Containers []Recommendation `json:"containers"`
	// Starting is what containers that start from now on are to be given; none
	// while nothing is.
	Starting []Size `json:"starting,omitempty"`
	// Replicas are those that are to be resized now.
	Replicas []Resize `json:"replicas,omitempty"`
}

// Size is what a container is given: thousandths of a core, and bytes. 0 leaves
// a resource as it is.
type Size struct {
	Container string `json:"container,omitempty"`
	CPU       Amount `json:"cpu,omitempty"`
	Memory    Amount `json:"memory,omitempty"`
}

// Of is how much of a resource.
func (s Size) Of(r Resource) Amount {
	if r == CPU {
		return s.CPU
	}
	return s.Memory
}

func (s *Size) set(r Resource, a Amount) {
	if r == CPU {
		s.CPU = a
	} else {
		s.Memory = a
	}
}

// Resize is a replica that is to be given other sizes.
type Resize struct {
	Replica string `json:"replica"`
	Sizes   []Size `json:"sizes"`
	// Why is the rule of [Due].
	Why string `json:"why"`
}
