package notify

import (
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
)

// Config is what the file of --notify holds.
type Config struct {
	// Source is what CloudEvents name as their source. The source with the id of
	// an event is unique, whichever process sends it.
	Source    string     `json:"source,omitempty" jsonschema:"default=/flyball,description=source of the CloudEvents: a path or an address that tells this installation from others"`
	Receivers []Receiver `json:"receivers" jsonschema:"required,minItems=1,description=who is told"`
}

// Receiver is one who is told: in exactly one way.
type Receiver struct {
	Name        string       `json:"name" jsonschema:"required,maxLength=63,pattern=^[a-z0-9]([-a-z0-9]*[a-z0-9])?$,description=unique name: lower-case letters and digits and hyphens; metrics and logs carry it"`
	Slack       *Slack       `json:"slack,omitempty" jsonschema:"description=an incoming webhook of Slack or Mattermost or of what takes the same"`
	CloudEvents *CloudEvents `json:"cloudEvents,omitempty" jsonschema:"description=CloudEvents 1.0 over HTTP"`
	// What it is told of.
	Events   []Group  `json:"events,omitempty" jsonschema:"enum=scaling,enum=conditions,enum=mode,enum=controller,enum=advice,description=what it is told of; default all but advice"`
	Severity Severity `json:"severity,omitempty" jsonschema:"enum=info,enum=warning,enum=critical,default=info,description=the least that it is told of; what began with a severity ends with it"`
	Targets  []string `json:"targets,omitempty" jsonschema:"description=names of autoscalers: * stands for any characters; default all"`
	// How often.
	Rate     Rate            `json:"rate,omitzero" jsonschema:"description=how often it is sent something; what is held back is summed up in one message"`
	Coalesce *scale.Duration `json:"coalesce,omitempty" jsonschema:"description=how long more is waited for to be told in the same message; default 3s for slack and 0s for cloudEvents"`
}

// Rate bounds how often a receiver is sent something: a bucket of Burst tokens
// that is filled with PerMinute.
type Rate struct {
	PerMinute float64 `json:"perMinute,omitempty" jsonschema:"exclusiveMinimum=0,maximum=60000,description=requests a minute over a long time; default 10 for slack and 600 for cloudEvents"`
	Burst     int     `json:"burst,omitempty" jsonschema:"minimum=1,maximum=10000,description=requests at once after a quiet time; default 5 for slack and 100 for cloudEvents"`
}

// Slack is an incoming webhook. Its address is a secret: whoever knows it may write.
type Slack struct {
	URL     scale.Secret `json:"url,omitempty" jsonschema:"description=address of the incoming webhook; better from a variable: ${SLACK_URL}"`
	URLFile string       `json:"urlFile,omitempty" jsonschema:"description=file that holds the address; read for each message"`
}

// CloudEvents is a receiver of CloudEvents 1.0 by the HTTP binding, signed as
// Standard Webhooks has it.
type CloudEvents struct {
	URL     scale.Secret `json:"url,omitempty" jsonschema:"description=address that takes POST requests"`
	URLFile string       `json:"urlFile,omitempty" jsonschema:"description=file that holds the address; read for each event"`
	Mode    string       `json:"mode,omitempty" jsonschema:"enum=structured,enum=binary,default=structured,description=structured: the whole event is the body; binary: its attributes are headers"`
	// Signing. Several keys sign beside each other while one replaces the other.
	SigningKeys    []scale.Secret `json:"signingKeys,omitempty" jsonschema:"maxItems=4,description=keys that sign each request: 24 to 64 bytes in base64 after whsec_"`
	SigningKeyFile string         `json:"signingKeyFile,omitempty" jsonschema:"description=file that holds the keys; one a line; read for each event"`
	webclient.Auth
}

// Limits and defaults.
const (
	DefaultSource = "/flyball"
	mostReceivers = 50
	longestWait   = 10 * 60 // seconds of coalescing
)

var receiverName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// Validate reports every fault that can be seen without asking anybody. No
// message tells an address.
func (c Config) Validate() error {
	var errs []error
	if c.Source == "" || strings.ContainsFunc(c.Source, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		errs = append(errs, fmt.Errorf("source: must be a path or an address without spaces, such as /flyball, got %q", c.Source))
	}
	if n := len(c.Receivers); n < 1 || n > mostReceivers {
		errs = append(errs, fmt.Errorf("receivers: must be 1 to %d, got %d", mostReceivers, n))
	}
	first := map[string]int{}
	for i, r := range c.Receivers {
		if j, known := first[r.Name]; known {
			errs = append(errs, fmt.Errorf("receivers[%d].name: %q is already the name of receivers[%d]", i, r.Name, j))
		}
		first[r.Name] = i
		for _, err := range r.faults() {
			errs = append(errs, fmt.Errorf("receivers[%d].%w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (r Receiver) faults() []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(r.Name) > 63 || !receiverName.MatchString(r.Name) {
		fault("name: must be lower-case letters, digits and hyphens, at most 63, got %q", r.Name)
	}
	if (r.Slack == nil) == (r.CloudEvents == nil) {
		fault("slack: exactly one of slack and cloudEvents must be given")
	}
	for i, g := range r.Events {
		if !slices.Contains(Groups(), g) {
			fault("events[%d]: must be one of %v, got %q", i, Groups(), g)
		}
	}
	if r.Severity != "" && r.Severity.rank() < 0 {
		fault("severity: must be info, warning or critical, got %q", r.Severity)
	}
	for i, pattern := range r.Targets {
		if _, err := path.Match(pattern, "web"); err != nil || pattern == "" {
			fault("targets[%d]: must be a name in which * stands for any characters, got %q", i, pattern)
		}
	}
	if !(r.Rate.PerMinute >= 0 && r.Rate.PerMinute <= 60_000) || r.Rate.Burst < 0 || r.Rate.Burst > 10_000 {
		fault("rate: perMinute must be above 0 and at most 60000, burst 1 to 10000, got %v and %d", r.Rate.PerMinute, r.Rate.Burst)
	}
	if r.Coalesce != nil && (*r.Coalesce < 0 || r.Coalesce.Std().Seconds() > longestWait) {
		fault("coalesce: must be 0s to 10m, got %v", *r.Coalesce)
	}
	if s := r.Slack; s != nil {
		errs = append(errs, addressFault("slack", s.URL, s.URLFile)...)
	}
	if c := r.CloudEvents; c != nil {
		errs = append(errs, c.faults()...)
	}
	return errs
}

func (c CloudEvents) faults() []error {
	errs := addressFault("cloudEvents", c.URL, c.URLFile)
	if c.Mode != "" && c.Mode != structured && c.Mode != binary {
		errs = append(errs, fmt.Errorf("cloudEvents.mode: must be structured or binary, got %q", c.Mode))
	}
	if len(c.SigningKeys) > 0 && c.SigningKeyFile != "" {
		errs = append(errs, errors.New("cloudEvents.signingKeys: at most one of signingKeys and signingKeyFile may be set"))
	}
	for i, key := range c.SigningKeys {
		if _, err := decodeKey(key.Reveal()); err != nil {
			errs = append(errs, fmt.Errorf("cloudEvents.signingKeys[%d]: %w", i, err))
		}
	}
	if err := c.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("cloudEvents.%w", err))
	}
	return errs
}

// addressFault reports an address that is none, without telling it.
func addressFault(field string, url scale.Secret, file string) []error {
	if (url == "") == (file == "") {
		return []error{fmt.Errorf("%s.url: exactly one of url and urlFile must be given", field)}
	}
	if file != "" {
		return nil
	}
	if _, err := webclient.ParseURL(url.Reveal()); err != nil {
		return []error{fmt.Errorf("%s.url: %w", field, err)}
	}
	return nil
}

// withDefaults returns r with what was left out.
func (r Receiver) withDefaults() Receiver {
	chat := r.Slack != nil
	if len(r.Events) == 0 {
		r.Events = slices.DeleteFunc(Groups(), func(g Group) bool { return g == Advice })
	}
	if r.Severity == "" {
		r.Severity = Info
	}
	if r.Rate.PerMinute == 0 {
		r.Rate.PerMinute = either(chat, 10.0, 600.0)
	}
	if r.Rate.Burst == 0 {
		r.Rate.Burst = either(chat, 5, 100)
	}
	if r.Coalesce == nil {
		wait := scale.Duration(either(chat, 3e9, 0.0))
		r.Coalesce = &wait
	}
	return r
}

func either[T any](is bool, yes, no T) T {
	if is {
		return yes
	}
	return no
}

// wants reports whether a receiver is told of something.
func (r *Receiver) wants(n *News) bool {
	return slices.Contains(r.Events, n.Group) && n.Severity.rank() >= r.Severity.rank() &&
		(len(r.Targets) == 0 || n.Target == "" || slices.ContainsFunc(r.Targets, func(pattern string) bool {
			matches, _ := path.Match(pattern, n.Target)
			return matches
		}))
}

// interval is the time between two tokens.
func (r Rate) interval() float64 { return 60 / math.Max(r.PerMinute, 1e-9) }
