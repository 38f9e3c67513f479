package policy

import "github.com/flyball-io/flyball/scale"

// Need is somebody who answers slowly, over a network perhaps, and by whose
// advice a policy decides. Whoever runs the policy asks them beside the loop and
// puts what they said into the observation; the policy stays pure.
type Need struct {
	// From is what [scale.Advice] says of who gave it. Needs of one name are asked
	// once, however many policies of a target have them.
	From string
	// Kind says how they are asked, and Config points to what that kind takes.
	Kind   string
	Config any
}

// Needing is the configuration of a policy with needs.
type Needing interface {
	Needs() []Need
}

// Ventured is the configuration of a policy that nobody has proved: an envelope
// around it by default, whose expert it names, bounds what it may cost.
type Ventured interface {
	// UsualExpert chooses the expert, not decoded.
	UsualExpert() scale.Plugin
}
