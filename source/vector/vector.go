// Package vector is a source that reads vector databases: how many vectors their
// collections hold, how large the indexes are, and how long a search takes. What
// a database does not tell is absent; one that cannot be read is a fault.
package vector

import (
	"errors"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/reading"
)

// Server says which database is read: exactly one of the first two must be given.
type Server struct {
	Qdrant   *Qdrant        `json:"qdrant,omitempty" jsonschema:"description=A server of Qdrant"`
	PGVector *PGVector      `json:"pgvector,omitempty" jsonschema:"description=A PostgreSQL with the extension vector"`
	Timeout  scale.Duration `json:"timeout,omitempty" jsonschema:"description=Longest time for reading the database: at most 30s,default=5s"`
}

// Qdrant is a server of Qdrant.
type Qdrant struct {
	URL string `json:"url" jsonschema:"required,description=Address of its REST API: http://host:6333; a key goes below headers as api-key"`
	webclient.Auth
}

// PGVector is a database of PostgreSQL.
type PGVector struct {
	Address      string       `json:"address" jsonschema:"required,description=postgres://user@host:5432/database; sslmode and other parameters of libpq may follow after ?"`
	Password     scale.Secret `json:"password,omitempty" jsonschema:"description=Password; better from a file or a variable"`
	PasswordFile string       `json:"passwordFile,omitempty" jsonschema:"description=File that holds the password; read for each connection"`
	// Neighbours of the search that is made to time it; 0: none is made.
	Neighbours *int `json:"neighbours,omitempty" jsonschema:"description=How many neighbours are searched for to time a search in each index at each reading; 0 searches for none,minimum=0,maximum=1000,default=10"`
}

// Config is a signal of a database.
type Config struct {
	Server
	Collection string         `json:"collection,omitempty" jsonschema:"description=Which collection (pgvector: schema.table.column); all together when empty"`
	Measure    string         `json:"measure,omitempty" jsonschema:"description=What the signal is: searchLatency or points or indexBytes; the name of the signal when empty"`
	Also       []string       `json:"also,omitempty" jsonschema:"description=What else is delivered of the same readings and under its own name"`
	Window     scale.Duration `json:"window,omitempty" jsonschema:"description=Time over which searches are measured: 1s to 1h,default=1m"`
}

// DefaultServer is everything but the database.
func DefaultServer() Server { return Server{Timeout: scale.Duration(5 * time.Second)} }

// Default is everything but the database; what the signal is follows from its name.
func Default() Config {
	return Config{Server: DefaultServer(), Window: scale.Duration(time.Minute)}
}

// Signals are those that a vector database may tell.
func Signals() map[string]reading.Signal {
	return map[string]reading.Signal{
		reading.SearchLatency: {Duration: reading.SearchDuration},
		reading.Points:        {Value: reading.Points},
		reading.IndexBytes:    {Value: reading.IndexBytes},
	}
}

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*reading.Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	reader, err := NewReader(cfg.Server, env.Clock)
	if err != nil {
		return nil, err
	}
	return reading.Of(reader, reading.Wanted{Known: Signals(), Signal: signal, Measure: cfg.Measure, Also: cfg.Also, Part: cfg.Collection, Window: cfg.Window.Std()}, env)
}

// NewReader returns what reads a database; its server is valid. It does no I/O.
func NewReader(s Server, clk clock.Clock) (reading.Reader, error) {
	switch {
	case s.Qdrant != nil:
		return &qdrantReader{cfg: *s.Qdrant, clock: clk, Web: reading.NewWeb(calls.Vector, s.Qdrant.Auth, s.Timeout.Std(), clk)}, nil
	case s.PGVector != nil:
		return newPGReader(*s.PGVector, s.Timeout.Std(), clk)
	}
	return nil, s.Validate()
}

// Endpoint is where the database is, for a label: without user and password.
func (s Server) Endpoint() string {
	switch {
	case s.Qdrant != nil:
		return hostOf(s.Qdrant.URL)
	case s.PGVector != nil:
		return hostOf(s.PGVector.Address)
	}
	return ""
}

// Validate reports every fault that can be seen without asking.
func (s Server) Validate() error {
	var errs []error
	if (s.Qdrant == nil) == (s.PGVector == nil) {
		errs = append(errs, errors.New("qdrant: exactly one of qdrant and pgvector must be given"))
	}
	if s.Qdrant != nil {
		if err := reading.CheckURL(s.Qdrant.URL); err != nil {
			errs = append(errs, fmt.Errorf("qdrant.url: %w", err))
		}
		if err := s.Qdrant.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("qdrant.%w", err))
		}
	}
	if s.PGVector != nil {
		errs = append(errs, s.PGVector.faults()...)
	}
	if s.Timeout <= 0 || s.Timeout.Std() > source.Patience {
		errs = append(errs, fmt.Errorf("timeout: must be above 0 and at most %v, got %v", scale.Duration(source.Patience), s.Timeout))
	}
	return errors.Join(errs...)
}

// Validate reports every fault that can be seen without asking.
func (c Config) Validate() error {
	errs := []error{c.Server.Validate()}
	if c.Window < scale.Duration(time.Second) || c.Window > scale.Duration(time.Hour) {
		errs = append(errs, fmt.Errorf("window: must be 1s to 1h, got %v", c.Window))
	}
	return errors.Join(append(errs, reading.Faults(Signals(), c.Measure, c.Also)...)...)
}
