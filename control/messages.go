// Package control is the live loop: monitor, planner and executor, three
// stages that speak over the bus.
//
//	sources ─► Monitor ─ reports ─► Planner ─ decisions ─► Executor ─► target
//	target  ─►    │                    ▲                        │
//	              └─ reports ─► Router │ ─► balancer            │
//	                                   └──────── applied ◄──────┘
package control

import (
	"time"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Report is what the monitor saw of one target at one instant.
type Report struct {
	Target string         `json:"target"`
	At     time.Time      `json:"at"`
	Status *target.Status `json:"status,omitempty"` // nil when the target could not be read
	// Measured is true when the sources were read too, not the target alone.
	Measured bool           `json:"measured,omitempty"`
	Samples  []scale.Sample `json:"samples,omitempty"`
	Faults   []Fault        `json:"faults,omitempty"`
	// Conditions are told by who does not read the target, such as its balancer.
	// In a whole report they are with those of the status.
	Conditions []scale.Condition `json:"conditions,omitempty"`
	// Carried is what the balancer carries; nil where it is not known.
	Carried *Carried `json:"carried,omitempty"`
	// By is the monitor, where several report of the target: one of each role.
	By string `json:"by,omitempty"`
}

// Carried is what a balancer has of a target.
type Carried struct {
	// Active, Unhealthy and Draining are its backends by state.
	Active    int `json:"active"`
	Unhealthy int `json:"unhealthy"`
	Draining  int `json:"draining"`
	// InFlight are the requests in progress on all of them.
	InFlight int `json:"inFlight"`
	// Requests were answered, and Failures of them ended badly, since the one who
	// tells began to look.
	Requests uint64 `json:"requests"`
	Failures uint64 `json:"failures"`
}

// Fault is something that could not be read.
type Fault struct {
	From  string `json:"from"` // "target" or the name of a source
	Error string `json:"error"`
}

// Memory is a snapshot of the deciders of one target, at most a minute after a
// decision or a change. The newest replaces all others.
type Memory struct {
	Target string    `json:"target"`
	At     time.Time `json:"at"`
	Data   []byte    `json:"data"`
}

// Drains is what an executor wants to be drained: all of it, each time.
type Drains struct {
	Target string    `json:"target"`
	At     time.Time `json:"at"`
	IDs    []string  `json:"ids"`
}

// Drained is how far a balancer is with it, and how busy its backends are.
type Drained struct {
	Target string    `json:"target"`
	At     time.Time `json:"at"`
	// Heard are the backends that are to be drained, Left those of them that get
	// no new requests any more, and Idle where none is in progress either.
	Heard []string `json:"heard"`
	Left  []string `json:"left"`
	Idle  []string `json:"idle"`
	// Behind is why a backend still gets new requests, where that takes long.
	Behind map[string]string `json:"behind,omitempty"`
	// InFlight are the requests in progress on the others.
	InFlight map[string]int `json:"inFlight"`
}

// Hand is what an operator has set by hand; a nil Override is taken back.
type Hand struct {
	Target   string           `json:"target"`
	Override *record.Override `json:"override"`
}

// Topics of one target are named after it, so that its stages hear of nothing
// else however many targets there are; those of All are for whoever watches
// everything and can only be subscribed to.

// Reports is what the monitor of a target sees.
func Reports(b bus.Bus, target string) bus.Topic[Report] { return topic[Report](b, "reports", target) }

// Decisions is what the planner of a target decides.
func Decisions(b bus.Bus, target string) bus.Topic[record.Decided] {
	return topic[record.Decided](b, "decisions", target)
}

// Changes is what the executor of a target did.
func Changes(b bus.Bus, target string) bus.Topic[record.Applied] {
	return topic[record.Applied](b, "applied", target)
}

// Memories is what the deciders of a target remember.
func Memories(b bus.Bus, target string) bus.Topic[Memory] { return topic[Memory](b, "memory", target) }

// Events is what happens beside decisions.
func Events(b bus.Bus, target string) bus.Topic[record.Event] {
	return topic[record.Event](b, "events", target)
}

// Exchange is a question to an advisor of a target and what came of it.
type Exchange struct {
	Target  string         `json:"target"`
	At      time.Time      `json:"at"` // of the answer
	Advised record.Advised `json:"advised"`
}

// Exchanges is what the advisors of a target are asked and say, also where that
// is no event.
func Exchanges(b bus.Bus, target string) bus.Topic[Exchange] {
	return topic[Exchange](b, "exchanges", target)
}

// WantedDrains is what the executor of a target wants to be drained.
func WantedDrains(b bus.Bus, target string) bus.Topic[Drains] {
	return topic[Drains](b, "drains", target)
}

// DoneDrains is what the balancer of a target has drained.
func DoneDrains(b bus.Bus, target string) bus.Topic[Drained] {
	return topic[Drained](b, "drained", target)
}

// Hands is what is set by hand of a target.
func Hands(b bus.Bus, target string) bus.Topic[Hand] { return topic[Hand](b, "hands", target) }

// All stands for every target.
const All = bus.Any

func topic[T any](b bus.Bus, kind, target string) bus.Topic[T] {
	return bus.Topic[T]{Bus: b, Subject: kind + "." + target}
}
