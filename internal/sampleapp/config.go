package sampleapp

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Law is the distribution of service times.
type Law string

// Laws of service times.
const (
	Lognormal     Law = "lognormal"
	Exponential   Law = "exponential"   // its cv is 1, whatever is configured
	Deterministic Law = "deterministic" // its cv is 0, whatever is configured
)

var laws = []Law{Lognormal, Exponential, Deterministic}

// Config says how the service behaves.
type Config struct {
	// Address is the host:port to listen on.
	Address string `json:"address"`
	// Replica names this instance in answers, logs and metrics, and makes
	// its random numbers differ from those of its siblings.
	Replica string `json:"replica,omitempty"`
	// Slots is how many requests are served at a time; more wait first in,
	// first out.
	Slots int `json:"slots"`
	// ServiceMean and ServiceCV are the mean and the coefficient of
	// variation of the time one request holds a slot.
	ServiceMean scale.Duration `json:"serviceMean"`
	ServiceCV   float64        `json:"serviceCV"`
	ServiceLaw  Law            `json:"serviceLaw"`
	Seed        uint64         `json:"seed"`
	// StartupDelay passes before the port is opened or, with ListenEarly,
	// before the service stops answering 503.
	StartupDelay scale.Duration `json:"startupDelay"`
	ListenEarly  bool           `json:"listenEarly,omitempty"`
	// Linger is how long the service goes on taking requests after it was asked
	// to stop, saying that it is not ready: where others choose which replica
	// ends, a balancer hears of it only then.
	Linger scale.Duration `json:"linger,omitempty"`
	// ShutdownTimeout bounds how long requests in progress may go on after
	// the service was asked to stop; what is left then is cut off.
	ShutdownTimeout scale.Duration `json:"shutdownTimeout"`
	// FailRate is the share of requests answered with 500, 0..1.
	FailRate float64 `json:"failRate,omitempty"`
	// CrashAfter ends the service abruptly after this time; 0 is never.
	CrashAfter scale.Duration `json:"crashAfter,omitempty"`
	// StartFail ends the service with an error instead of starting it.
	StartFail bool `json:"startFail,omitempty"`
	// Mode is what the service does from the start; POST /fail changes it.
	Mode Mode `json:"mode"`
}

// Default is a service of 4 slots and 80 ms per request: 50 requests per
// second when always busy.
func Default() Config {
	return Config{
		Address:         "127.0.0.1:8080",
		Slots:           4,
		ServiceMean:     scale.Duration(80 * time.Millisecond),
		ServiceCV:       0.5,
		ServiceLaw:      Lognormal,
		ShutdownTimeout: scale.Duration(30 * time.Second),
		Mode:            OK,
	}
}

// FromEnvironment is Default with the port from PORT and the name from
// FLYBALL_REPLICA, where they are set.
func FromEnvironment(getenv func(string) string) Config {
	cfg := Default()
	if port := getenv("PORT"); port != "" {
		cfg.Address = net.JoinHostPort("127.0.0.1", port)
	}
	cfg.Replica = getenv("FLYBALL_REPLICA")
	return cfg
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		fault("address: must be host:port, got %q", c.Address)
	}
	if c.Slots < 1 {
		fault("slots: must be at least 1, got %d", c.Slots)
	}
	if c.ServiceMean < 0 {
		fault("serviceMean: must not be negative, got %v", c.ServiceMean)
	}
	if !(c.ServiceCV >= 0 && c.ServiceCV <= 10) {
		fault("serviceCV: must be 0 to 10, got %v", c.ServiceCV)
	}
	if !slices.Contains(laws, c.ServiceLaw) {
		fault("serviceLaw: must be one of %s, got %q", list(laws), c.ServiceLaw)
	}
	if c.StartupDelay < 0 {
		fault("startupDelay: must not be negative, got %v", c.StartupDelay)
	}
	if c.Linger < 0 {
		fault("linger: must not be negative, got %v", c.Linger)
	}
	if c.ShutdownTimeout <= 0 {
		fault("shutdownTimeout: must be above 0, got %v", c.ShutdownTimeout)
	}
	if !(c.FailRate >= 0 && c.FailRate <= 1) {
		fault("failRate: must be 0 to 1, got %v", c.FailRate)
	}
	if c.CrashAfter < 0 {
		fault("crashAfter: must not be negative, got %v", c.CrashAfter)
	}
	if !slices.Contains(modes, c.Mode) {
		fault("mode: must be one of %s, got %q", list(modes), c.Mode)
	}
	return errors.Join(errs...)
}

func list[T ~string](values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return strings.Join(names, ", ")
}
