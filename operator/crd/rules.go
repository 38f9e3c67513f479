package crd

import (
	"fmt"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// exactlyOne is the rule of a plug-in, in the words of flyball validate.
func exactlyOne(contract string, kinds []string) apiextensions.ValidationRule {
	has := make([]string, len(kinds))
	for i, kind := range kinds {
		has[i] = "has(self." + escaped(kind) + ")"
	}
	return apiextensions.ValidationRule{
		Rule:    "[" + strings.Join(has, ", ") + "].filter(chosen, chosen).size() == 1",
		Message: fmt.Sprintf("needs exactly one %s; known: %s", contract, strings.Join(kinds, ", ")),
	}
}

// escaped is a name as CEL takes it.
func escaped(name string) string { return strings.ReplaceAll(name, "-", "__dash__") }

// addRules adds what the schema cannot say and does not need the plug-ins.
func addRules(spec *apiextensions.JSONSchemaProps) {
	add(spec, "!has(self.pausedUntil) || (has(self.mode) && self.mode == 'Paused')", "pausedUntil: must be left out unless mode is Paused")
	add(spec, "!has(self.envelope) || (has(self.objective) && has(self.objective.latency))", "envelope: needs objective.latency: what a violation costs comes from the share it allows")
	under(spec, func(replicas *apiextensions.JSONSchemaProps) {
		add(replicas, "!has(self.min) || self.min <= self.max", "max: must not be below min")
	}, "replicas")
	under(spec, func(objective *apiextensions.JSONSchemaProps) {
		add(objective, "has(self.latency) || has(self.cost)", "an objective needs latency or cost")
	}, "objective")
	under(spec, func(cost *apiextensions.JSONSchemaProps) {
		add(cost, "!has(self.hard) || !self.hard || has(self.budgetPerDay)", "hard: needs a budgetPerDay")
	}, "objective", "cost")
	under(spec, func(signals *apiextensions.JSONSchemaProps) {
		// Their names tell them apart, also when two parties apply some each.
		signals.XListType, signals.XListMapKeys = new("map"), []string{"name"}
		signals.MaxItems = new(int64(maxSignals))
	}, "signals")
}

// maxSignals bounds what the rule of each costs the server.
const maxSignals = 100

func add(s *apiextensions.JSONSchemaProps, rule, message string) {
	s.XValidations = append(s.XValidations, apiextensions.ValidationRule{Rule: rule, Message: message})
}

// under changes a property below s.
func under(s *apiextensions.JSONSchemaProps, change func(*apiextensions.JSONSchemaProps), path ...string) {
	property, ok := s.Properties[path[0]]
	if !ok {
		panic(fmt.Sprintf("crd: there is no property %s", path[0])) // a programmer's mistake
	}
	if len(path) > 1 {
		under(&property, change, path[1:]...)
	} else {
		change(&property)
	}
	s.Properties[path[0]] = property
}
