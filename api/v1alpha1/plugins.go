package v1alpha1

import "github.com/flyball-io/flyball/scale"

// Contract is a kind of plug-in that a document may choose.
type Contract string

// The contracts.
const (
	TargetContract   Contract = "target"
	PolicyContract   Contract = "policy"
	BalancerContract Contract = "balancer"
	SourceContract   Contract = "source"
)

// Contracts lists all of them.
func Contracts() []Contract {
	return []Contract{TargetContract, PolicyContract, BalancerContract, SourceContract}
}

// Plugins knows the plug-ins that a document may name.
type Plugins interface {
	// Defaults returns the default configuration of each kind of a contract,
	// a struct, by name of the kind.
	Defaults(c Contract) map[string]any
	// Check decodes a body strictly over the defaults of its kind and
	// validates it. Each message of the error starts with a field path.
	Check(c Contract, p scale.Plugin) error
}
