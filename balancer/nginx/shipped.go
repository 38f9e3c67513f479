package nginx

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/flyball-io/flyball/scale"
)

//go:embed nginx.conf.tmpl
var shippedText string

// Site is what the shipped nginx.conf needs beyond the plane's configuration.
type Site struct {
	Listen            string // host:port
	CertFile, KeyFile string // empty serves plain HTTP
	RateLimit         int    // requests per second of one client's address, ten times that in a burst; 0 is none
	MaxBodyMegabytes  int
	WorkerConnections int
	ResponseTimeout   scale.Duration // of a silent replica
	DrainTimeout      scale.Duration // for requests in progress on workers that leave
	ErrorLog          string
	ErrorLevel        string
	TempDir           string // empty leaves it to nginx
}

// DefaultSite returns a site that serves at an address.
func DefaultSite(listen string) Site {
	if strings.HasPrefix(listen, ":") {
		listen = "*" + listen // as nginx writes every address
	}
	return Site{
		Listen: listen, MaxBodyMegabytes: 100, WorkerConnections: 4096, ErrorLog: "stderr", ErrorLevel: "warn",
		ResponseTimeout: scale.Duration(time.Minute), DrainTimeout: scale.Duration(30 * time.Second),
	}
}

// Draining returns the site with at least that time for requests in progress on
// workers that leave: a reload ends those to replicas that stay, too.
func (s Site) Draining(longest scale.Duration) Site {
	s.DrainTimeout = max(s.DrainTimeout, longest)
	return s
}

// Validate reports every fault.
func (s Site) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, port, err := net.SplitHostPort(s.Listen); err != nil || port == "" {
		fault("listen: must be host:port, got %q", s.Listen)
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		fault("certFile, keyFile: must both be there or neither, got %q, %q", s.CertFile, s.KeyFile)
	}
	if s.RateLimit < 0 || s.MaxBodyMegabytes < 0 || s.WorkerConnections < 1 {
		fault("rateLimit, maxBodyMegabytes: must not be negative, workerConnections: must be at least 1; got %d, %d, %d", s.RateLimit, s.MaxBodyMegabytes, s.WorkerConnections)
	}
	for _, word := range [][2]string{{"listen", s.Listen}, {"certFile", s.CertFile}, {"keyFile", s.KeyFile}, {"errorLog", s.ErrorLog}, {"errorLevel", s.ErrorLevel}, {"tempDir", s.TempDir}} {
		if strings.ContainsAny(word[1], " \t\r\n\"'#;{}$\\") {
			fault("%s: must have no space, quote or sign of nginx's, got %q", word[0], word[1])
		}
	}
	if s.ResponseTimeout < scale.Duration(time.Second) || s.DrainTimeout < scale.Duration(time.Second) {
		fault("responseTimeout, drainTimeout: must be at least 1s, got %v, %v", s.ResponseTimeout, s.DrainTimeout)
	}
	return errors.Join(errs...)
}

// Version is that of nginx, for example 1.22.1.
type Version [3]int

// keepsClients is the first version whose reload need not break a client's
// connection: keepalive_min_timeout.
func keepsClients() Version { return Version{1, 27, 4} }

// AtLeast reports whether v is other or newer.
func (v Version) AtLeast(other Version) bool {
	for i := range v {
		if v[i] != other[i] {
			return v[i] > other[i]
		}
	}
	return true
}

// VersionOf asks the program.
func VersionOf(ctx context.Context, program string) (Version, error) {
	out, err := exec.CommandContext(ctx, program, "-v").CombinedOutput()
	if err != nil {
		return Version{}, fmt.Errorf("version of nginx: %w", err)
	}
	var v Version
	_, after, _ := strings.Cut(string(out), "nginx/")
	if _, err := fmt.Sscanf(after, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return Version{}, fmt.Errorf("version of nginx: %.100q", out)
	}
	return v, nil
}

// Render writes the nginx.conf that the plane of this configuration expects,
// for that version of nginx. What it includes must be there before nginx
// starts: [Prepare].
func Render(w io.Writer, cfg Config, site Site, v Version) error {
	if err := errors.Join(cfg.Validate(), site.Validate()); err != nil {
		return err
	}
	text, err := template.New("nginx.conf").Funcs(template.FuncMap{"seconds": seconds}).Parse(shippedText)
	if err != nil {
		return fmt.Errorf("nginx.conf: %w", err)
	}
	values := struct {
		Config
		Site
		Format, LogServer, StatusListen, StatusPath string
		KeepsClients                                bool
	}{Config: cfg, Site: site, Format: Format, LogServer: cfg.Log.Syslog, KeepsClients: v.AtLeast(keepsClients())}
	if strings.HasPrefix(values.LogServer, "/") {
		values.LogServer = "unix:" + values.LogServer
	}
	if cfg.Status != "" {
		u, err := url.Parse(cfg.Status)
		if err != nil {
			return fmt.Errorf("status: %w", err)
		}
		values.StatusListen, values.StatusPath = u.Host, u.EscapedPath()
	}
	return text.Execute(w, values)
}

// Prepare writes an upstream without replicas where there is none yet, so that
// nginx can start before the first replica does.
func Prepare(cfg Config) error {
	p := &Plane{cfg: cfg}
	if err := os.MkdirAll(filepath.Dir(cfg.Include), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(cfg.Include, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(p.render())
	return errors.Join(err, file.Close())
}

func seconds(d scale.Duration) string { return fmt.Sprintf("%dms", d.Std().Milliseconds()) }
