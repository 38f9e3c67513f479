package replay

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/queueing"
)

// Origin says where a value comes from.
type Origin string

// Origins.
const (
	Measured Origin = "measured"
	Given    Origin = "given"
	Assumed  Origin = "assumed"
)

// Value is a number of the model, with where it comes from.
type Value struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	Origin Origin  `json:"origin"`
	// How says in words how it was found, and how sure it is.
	How string `json:"how"`
}

// Service is the model of the service: what one replica does with a request.
type Service struct {
	Mean    float64 // seconds of one request on a slot
	CV      float64 // standard deviation over mean
	Slots   int     // requests in progress at once on one replica
	CPUFull float64 // CPU used by requested with all slots busy; 0: not known
	// Pending and start-up together, and the time between two decisions.
	Startup, Sync time.Duration
	// Windows that values average over.
	RateWindow, CPUWindow time.Duration
	// Values are all of these with where they come from, in order.
	Values []Value
}

// Model is the service as the simulator has it.
func (s *Service) Model(t queueing.Topology) queueing.Service {
	return queueing.Service{Law: queueing.Lognormal(s.Mean, s.CV), Slots: s.Slots, Topology: t}
}

// Capacity is the requests per second that one replica answers at most.
func (s *Service) Capacity() float64 { return float64(s.Slots) / s.Mean }

// GivenValues hold over what is measured. Zero values are not given, but CV
// where NoCV says so.
type GivenValues struct {
	Mean, CV       float64
	HasCV          bool
	Slots          int
	Startup        time.Duration
	HasStartup     bool
	Sync           time.Duration
	Window, Scrape time.Duration
}

// Assumptions of what nothing in a history tells.
const (
	assumedCV      = 0.5
	assumedStartup = 30 * time.Second
	assumedSync    = 15 * time.Second // the HPA's
	assumedWindow  = 30 * time.Second // of the metrics server
	leastMoments   = 5
)

// Calibrate fits the model to a history. What is given holds; what cannot be
// measured is assumed, and said to be.
func Calibrate(h *History, g GivenValues) (*Service, error) {
	s := &Service{}
	c := &calibration{History: h, Service: s, given: g}
	if err := errors.Join(c.mean(), c.slots()); err != nil {
		return nil, err
	}
	c.refine()
	c.spread()
	c.cpu()
	c.startup()
	c.clocks()
	return s, nil
}

// calibration is a fit at work.
type calibration struct {
	*History
	*Service
	given GivenValues
	slope float64 // of CPU over the requests in progress on a replica; 0: not known
	bound bool    // some CPU was used: it may be what bounds the service
}

func (c *calibration) say(name string, value float64, unit string, origin Origin, how string, args ...any) {
	v := Value{name, value, unit, origin, fmt.Sprintf(how, args...)}
	for i := range c.Values {
		if c.Values[i].Name == name {
			c.Values[i] = v
			return
		}
	}
	c.Values = append(c.Values, v)
}

// clocks are when measurements and decisions come.
func (c *calibration) clocks() {
	c.Sync = assumedSync
	switch {
	case c.given.Sync > 0:
		c.Sync = c.given.Sync
		c.say("sync", c.Sync.Seconds(), "s", Given, "time between two decisions")
	case c.Decisions && c.Step > 0:
		c.Sync = c.Step
		c.say("sync", c.Sync.Seconds(), "s", Measured, "time between two decisions in the record")
	default:
		c.say("sync", c.Sync.Seconds(), "s", Assumed, "time between two decisions: the HPA's default")
	}
	c.Service.CPUWindow = assumedWindow
	switch {
	case c.given.Window > 0:
		c.Service.CPUWindow = c.given.Window
		c.say("metric window", c.given.Window.Seconds(), "s", Given, "time that CPU is averaged over")
	case c.Decisions && c.History.CPUWindow > 0:
		c.Service.CPUWindow = c.History.CPUWindow
		c.say("metric window", c.Service.CPUWindow.Seconds(), "s", Measured, "time that CPU is averaged over, as the record has it")
	default:
		c.say("metric window", assumedWindow.Seconds(), "s", Assumed, "time that CPU is averaged over: that of the metrics server")
	}
	c.Service.RateWindow = c.History.RateWindow
}
