package nginx

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Config says which nginx is steered and where its measurements come from.
type Config struct {
	Program    string `json:"program" jsonschema:"description=The program nginx: a name or a path."`
	ConfigFile string `json:"configFile" jsonschema:"description=The configuration file nginx was started with."`
	PIDFile    string `json:"pidFile" jsonschema:"description=The file with the process id of nginx as its configuration names it."`
	Include    string `json:"include" jsonschema:"description=The file with the upstream that the configuration includes. It is ours: whatever else stands in it is replaced."`
	Upstream   string `json:"upstream" jsonschema:"description=Name of the upstream."`
	KeepAlive  int    `json:"keepAlive" jsonschema:"minimum=0,description=Unused connections to replicas that each worker keeps; 0 keeps none."`

	Reload Reload `json:"reload" jsonschema:"description=How often nginx is reloaded at most."`
	Log    Log    `json:"log" jsonschema:"description=Where the access log comes from (in the format flyball of the shipped nginx.conf)."`
	Status string `json:"status" jsonschema:"description=URL of stub_status of an nginx that serves nothing else: arrivals and requests in progress as nginx counts them; makes up for what UDP lost of the log. Empty takes them from the log."`

	MetricWindow scale.Duration `json:"metricWindow" jsonschema:"description=Time that the measurements average over."`
	Threshold    scale.Duration `json:"threshold" jsonschema:"description=Longest time of a good request from its first byte to the last of its answer; 0 counts every request that did not fail as good."`
}

// Reload says how often nginx is reloaded.
type Reload struct {
	MinInterval scale.Duration `json:"minInterval" jsonschema:"description=Shortest time between two reloads; changes meanwhile are made by the next."`
}

// Log says where the access log comes from: the file where one is named.
type Log struct {
	Syslog string `json:"syslog,omitempty" jsonschema:"description=Address that takes the log as syslog messages over UDP (host:port) or the path of a datagram socket."`
	File   string `json:"file,omitempty" jsonschema:"description=Access log that is followed as it grows instead of syslog; it may be moved away."`
}

// Default returns the configuration used where a document says nothing.
func Default() Config {
	return Config{
		Program:    "nginx",
		ConfigFile: "/etc/nginx/nginx.conf",
		PIDFile:    "/run/nginx.pid",
		Include:    "/etc/nginx/flyball/upstream.conf",
		Upstream:   "app",
		KeepAlive:  32,
		Reload:     Reload{MinInterval: scale.Duration(time.Second)},
		Log:        Log{Syslog: "127.0.0.1:5515"},
		// The window of every balancer (docs/adr/0012-one-window.md).
		MetricWindow: scale.Duration(10 * time.Second),
	}
}

// names and paths are what nginx takes without quoting.
var (
	names = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	paths = regexp.MustCompile(`^/[A-Za-z0-9_./@+-]+$`)
)

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Program == "" {
		fault("program: must name nginx, got nothing")
	}
	for _, file := range [][2]string{{"configFile", c.ConfigFile}, {"pidFile", c.PIDFile}, {"include", c.Include}} {
		if !paths.MatchString(file[1]) || filepath.Clean(file[1]) != file[1] {
			fault("%s: must be an absolute path without spaces or quotes, got %q", file[0], file[1])
		}
	}
	if !names.MatchString(c.Upstream) {
		fault("upstream: must be letters, digits, _ . or -, got %q", c.Upstream)
	}
	if c.KeepAlive < 0 {
		fault("keepAlive: must not be negative, got %d", c.KeepAlive)
	}
	if c.Reload.MinInterval < 0 || c.Threshold < 0 {
		fault("reload.minInterval, threshold: must not be negative, got %v, %v", c.Reload.MinInterval, c.Threshold)
	}
	if c.MetricWindow < scale.Duration(time.Second) {
		fault("metricWindow: must be at least 1s, got %v", c.MetricWindow)
	}
	if u, err := url.Parse(c.Status); c.Status != "" && (err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == "") {
		fault("status: must be a URL with http or https, got %q", c.Status)
	}
	return errors.Join(append(errs, c.Log.validate())...)
}

func (l Log) validate() error {
	switch {
	case l.Syslog == "" && l.File == "":
		return errors.New("log: must have syslog or file, got neither")
	case l.File != "" && !paths.MatchString(l.File):
		return fmt.Errorf("log.file: must be an absolute path without spaces or quotes, got %q", l.File)
	case l.Syslog != "" && !paths.MatchString(l.Syslog):
		if _, _, err := net.SplitHostPort(l.Syslog); err != nil || strings.ContainsAny(l.Syslog, " ;{}\"'") {
			return fmt.Errorf("log.syslog: must be host:port or an absolute path, got %q", l.Syslog)
		}
	}
	return nil
}
