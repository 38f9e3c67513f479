package remote

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// Kind is how the need of the policy is called.
const Kind = "remote"

// Formats of question and answer.
const (
	// Flyball is that of flyball serve-policy: the whole observation, a count.
	Flyball = "flyball"
	// IntelliScale is that of IntelliScale's agent: CPU, memory and request rate as
	// parameters of the address; scale_up, scale_down or no_action.
	IntelliScale = "intelliscale"
)

// Config says who is asked, how, and who decides meanwhile.
type Config struct {
	URL string `json:"url" jsonschema:"required,description=address that the questions are sent to with POST"`
	// Format is one of the constants above.
	Format string `json:"format" jsonschema:"enum=flyball,enum=intelliscale,description=what question and answer look like: flyball = that of flyball serve-policy; intelliscale = cpu and memory in percent and request_rate as parameters and an action as the answer"`
	// Every is the least time between two questions.
	Every scale.Duration `json:"every,omitempty" jsonschema:"description=least time between two questions; 0s asks once before each decision,default=0s"`
	// Timeout is how long an answer may take. It is the network's, whatever the pace.
	Timeout scale.Duration `json:"timeout" compress:"-" jsonschema:"description=longest time for an answer"`
	// MaxAge is how long an answer may be used after what it was based on.
	MaxAge scale.Duration `json:"maxAge" jsonschema:"description=how old the observation may be that an answer is based on for the answer to be used"`
	// Fallback decides where there is no valid answer.
	Fallback scale.Plugin `json:"fallback,omitzero" jsonschema:"description=policy that decides while there is no valid answer; also the expert of the envelope around the answers unless the document names one" jsonschema_extras:"plugin=policy"`

	BearerTokenFile string                  `json:"bearerTokenFile,omitempty" jsonschema:"description=file that holds the token sent as Authorization: Bearer; read for each question"`
	Headers         map[string]scale.Secret `json:"headers,omitempty" jsonschema:"description=further headers sent with each question"`
	TLS             TLS                     `json:"tls,omitzero" jsonschema:"description=certificates for https"`
}

// TLS says which servers are believed and with which certificate the client shows
// who it is.
type TLS struct {
	CAFile             string `json:"caFile,omitempty" jsonschema:"description=file with the certificates of those who may sign the server's; the system's own when empty"`
	CertFile           string `json:"certFile,omitempty" jsonschema:"description=file with the client's certificate (mTLS)"`
	KeyFile            string `json:"keyFile,omitempty" jsonschema:"description=file with the key of the client's certificate"`
	ServerName         string `json:"serverName,omitempty" jsonschema:"description=name that the server's certificate must carry; the host of the address when empty"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify,omitempty" jsonschema:"description=believe any certificate; for tests only"`
}

// Default asks once before each decision and falls back on the predictive policy.
func Default() Config {
	return Config{
		Format: Flyball, Timeout: scale.Duration(2 * time.Second), MaxAge: scale.Duration(30 * time.Second),
		Fallback: scale.Plugin{Kind: "predictive"},
	}
}

// mostTimeout bounds how long somebody may think: a decision that comes every
// quarter of a minute is made without them.
const mostTimeout = 30 * time.Second

// Validate reports every fault but those within the fallback.
func (c Config) Validate() error {
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	errs = append(errs, c.validateURL())
	fault(!slices.Contains([]string{Flyball, IntelliScale}, c.Format), "format: must be %s or %s, got %q", Flyball, IntelliScale, c.Format)
	fault(c.Every < 0, "every: must not be negative, got %v", c.Every)
	fault(c.Timeout <= 0 || c.Timeout.Std() > mostTimeout, "timeout: must be above 0 and at most %v, got %v", scale.Duration(mostTimeout), c.Timeout)
	fault(c.MaxAge <= 0, "maxAge: must be above 0, got %v", c.MaxAge)
	fault(c.MaxAge > 0 && c.Every >= c.MaxAge, "every: must be below maxAge (%v), or there is no valid answer between two questions, got %v", c.MaxAge, c.Every)
	fault(c.Fallback.Kind == "", "fallback: needs exactly one policy")
	fault((c.TLS.CertFile == "") != (c.TLS.KeyFile == ""), "tls.certFile: certFile and keyFile must be set together")
	fault(c.TLS.InsecureSkipVerify && c.TLS.CAFile != "", "tls.insecureSkipVerify: must not be set beside caFile, which it would make void")
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		text := c.Headers[name].Reveal()
		fault(!headerName(name) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }),
			"headers: %q: must be a header's name with a value without control characters", name)
		fault(strings.EqualFold(name, "Authorization") && c.BearerTokenFile != "", "headers: Authorization: is set by bearerTokenFile")
	}
	return errors.Join(errs...)
}

func (c Config) validateURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return errors.New("url: must begin with http:// or https:// and name a host, for example http://127.0.0.1:7080/v1/recommend") // the error would quote a password
	case u.User != nil:
		return errors.New("url: must not hold a user or password; use bearerTokenFile or headers")
	case u.Fragment != "":
		return errors.New("url: must not hold a fragment (#)")
	}
	return nil
}

// headerName is a token of RFC 9110.
func headerName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// String says who is asked: "http://127.0.0.1:7080/v1/recommend, else predictive".
func (c Config) String() string { return c.place() + ", else " + c.Fallback.Kind }

// place is the address without what may be secret.
func (c Config) place() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "?"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// From is the name under which the answers come. Policies that ask the same in
// the same way share them. It tells nothing of headers' values.
func (c Config) From() string {
	c.Fallback = scale.Plugin{} // says nothing of who is asked
	return c.place() + " #" + scale.ConfigHash(c)[:6]
}

// Needs is who is asked.
func (c *Config) Needs() []policy.Need {
	asked := *c
	asked.Fallback = scale.Plugin{} // decides meanwhile, whoever is asked
	return []policy.Need{{From: c.From(), Kind: Kind, Config: &asked}}
}

// UsualExpert is the fallback: what answers may cost is bounded by what it would.
func (c *Config) UsualExpert() scale.Plugin {
	return scale.Plugin{Kind: c.Fallback.Kind, Body: c.Fallback.Body}
}
