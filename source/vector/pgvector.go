package vector

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/reading"
)

// usualNeighbours of the search that is made to time it.
const usualNeighbours = 10

// searchBounds are the buckets of the searches that are timed here, in seconds.
func searchBounds() []float64 {
	return []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
}

// columns asks for every column of vectors: its name, where it is, how many rows
// its table has as the planner believes, and of its indexes of nearest neighbours
// the bytes and the operators of one that holds all rows: a search by those of a
// partial index would read the whole table.
const columns = `
SELECT n.nspname || '.' || c.relname || '.' || a.attname, quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(a.attname),
       c.reltuples::float8, count(x.indexrelid), coalesce(sum(pg_relation_size(x.indexrelid)), 0)::float8, coalesce(min(x.opcname) FILTER (WHERE x.whole), '')
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm')
JOIN pg_namespace n ON n.oid = c.relnamespace AND NOT pg_is_other_temp_schema(n.oid)
JOIN pg_type t ON t.oid = a.atttypid AND t.typname IN ('vector', 'halfvec')
LEFT JOIN (SELECT i.indexrelid, i.indrelid, i.indkey, o.opcname, i.indpred IS NULL AS whole
           FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam AND am.amname IN ('hnsw', 'ivfflat')
           JOIN pg_opclass o ON o.oid = i.indclass[0] WHERE i.indisvalid) x ON x.indrelid = c.oid AND a.attnum = ANY (x.indkey)
WHERE a.attnum > 0 AND NOT a.attisdropped
GROUP BY 1, 2, 3, 4 ORDER BY 1 LIMIT 1000`

// column is one of these.
type column struct {
	name, table, field string
	rows               float64 // below 0: nobody has counted
	indexes            int
	bytes              float64
	operators          string // class of operators of an index of all rows; "": there is none
}

// operator is by what an index orders.
func (c column) operator() string {
	for kind, operator := range map[string]string{"_l2_": "<->", "_cosine_": "<=>", "_ip_": "<#>", "_l1_": "<+>"} {
		if strings.Contains(c.operators, kind) {
			return operator
		}
	}
	return ""
}

func (p *PGVector) faults() []error {
	var errs []error
	u, err := url.Parse(p.Address)
	switch {
	case err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql"):
		errs = append(errs, errors.New("pgvector.address: must be postgres://user@host:5432/database"))
	default:
		if _, there := u.User.Password(); there {
			errs = append(errs, errors.New("pgvector.address: must not hold a password: password and passwordFile are for it"))
		}
		if _, err := pq.NewConfig(p.Address); err != nil {
			errs = append(errs, fmt.Errorf("pgvector.address: %w", err))
		}
	}
	if p.Password != "" && p.PasswordFile != "" {
		errs = append(errs, errors.New("pgvector.password: at most one of password and passwordFile may be set"))
	}
	if n := p.Neighbours; n != nil && (*n < 0 || *n > 1000) {
		errs = append(errs, fmt.Errorf("pgvector.neighbours: must be 0 to 1000, got %d", *n))
	}
	return errs
}

// pgReader reads one database.
type pgReader struct {
	cfg     PGVector
	timeout time.Duration
	clock   clock.Clock
	db      *sql.DB

	mu    sync.Mutex // guards times
	times map[string]reading.Histogram
}

func newPGReader(cfg PGVector, timeout time.Duration, clk clock.Clock) (*pgReader, error) {
	c, err := pq.NewConfig(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("pgvector.address: %w", err)
	}
	if c.Runtime == nil {
		c.Runtime = map[string]string{}
	}
	c.Runtime["default_transaction_read_only"] = "on"
	c.Runtime["statement_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	c.ApplicationName = "flyball"
	r := &pgReader{cfg: cfg, timeout: timeout, clock: clk, times: map[string]reading.Histogram{}}
	r.db = sql.OpenDB(connector{cfg: cfg, to: c})
	r.db.SetMaxOpenConns(1)
	r.db.SetConnMaxIdleTime(2 * time.Minute)
	return r, nil
}

// connector reads the password for each connection.
type connector struct {
	cfg PGVector
	to  pq.Config
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	to := c.to.Clone()
	if c.cfg.Password != "" {
		to.Password = c.cfg.Password.Reveal()
	}
	if c.cfg.PasswordFile != "" {
		content, err := os.ReadFile(c.cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("passwordFile: %w", err)
		}
		to.Password = strings.TrimSpace(string(content))
	}
	connector, err := pq.NewConnectorConfig(to)
	if err != nil {
		return nil, err
	}
	return connector.Connect(ctx)
}

// Driver implements [driver.Connector].
func (connector) Driver() driver.Driver { return &pq.Driver{} }

// Close closes the connection that is kept.
func (r *pgReader) Close() { _ = r.db.Close() }

// Read asks the catalog, and searches once in each index to see how long it takes.
func (r *pgReader) Read(ctx context.Context) (reading.Reading, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("no answer within %v", r.timeout))
	defer cancel()
	end := calls.Process().Begin(calls.Vector) // one request for all of it
	at := r.clock.Now()
	all, err := r.columns(ctx)
	var told reading.Reading
	if err == nil {
		told = bounded(at, all)
		err = r.searchAll(ctx, all, told.Parts)
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else nobody wants to know any more
		end(err, unheard(err))
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return reading.Reading{}, fmt.Errorf("pgvector: %s", webclient.Excerpt(err.Error(), 300))
	}
	return told, nil
}

var errNoExtension = errors.New("the database has no extension vector")

// unheard reports whether a fault is not one that PostgreSQL says.
func unheard(err error) bool {
	var said *pq.Error
	return err != nil && !errors.As(err, &said) && !errors.Is(err, errNoExtension)
}

// bounded is what the catalog says of the columns that are shown.
func bounded(at time.Time, all []column) reading.Reading {
	parts := map[string]reading.Part{}
	for _, c := range all {
		p := reading.NewPart(c.name)
		if c.rows >= 0 {
			p.Values[reading.Points] = c.rows
		}
		if c.indexes > 0 {
			p.Values[reading.IndexBytes] = c.bytes
		}
		parts[c.name] = p
	}
	return reading.Bounded(at, parts)
}

// searchAll searches in the columns that are parts.
func (r *pgReader) searchAll(ctx context.Context, all []column, parts []reading.Part) error {
	named := map[string]column{}
	for _, c := range all {
		named[c.name] = c
	}
	for _, p := range parts {
		if err := r.search(ctx, named[p.Name], p); err != nil {
			return err
		}
	}
	return nil
}

func (r *pgReader) columns(ctx context.Context) ([]column, error) {
	var installed bool
	if err := r.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')").Scan(&installed); err != nil {
		return nil, err
	}
	if !installed {
		return nil, errNoExtension
	}
	rows, err := r.db.QueryContext(ctx, columns)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.table, &c.field, &c.rows, &c.indexes, &c.bytes, &c.operators); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// search looks for the nearest neighbours of some vector of the column and notes how
// long that takes. In an empty table there is nothing to look for.
func (r *pgReader) search(ctx context.Context, c column, p reading.Part) error {
	neighbours := usualNeighbours
	if r.cfg.Neighbours != nil {
		neighbours = *r.cfg.Neighbours
	}
	if neighbours == 0 || c.operator() == "" {
		return nil
	}
	began, found := r.clock.Now(), 0
	if err := r.db.QueryRowContext(ctx, searchFor(c, neighbours)).Scan(&found); err != nil {
		var fault *pq.Error
		if errors.As(err, &fault) && fault.Code == notAllowed {
			return nil // who reads need not be allowed to search
		}
		return fmt.Errorf("search in %s: %w", c.name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if found > 0 {
		r.times[c.name] = r.times[c.name].Plus(took(r.clock.Now().Sub(began).Seconds()))
	}
	if h, there := r.times[c.name]; there {
		p.Durations[reading.SearchDuration] = h
	}
	return nil
}

// searchFor is the query for the neighbours of some vector of the column; table and
// field are quoted already.
func searchFor(c column, neighbours int) string {
	return fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %[1]s ORDER BY %[2]s %[3]s (SELECT %[2]s FROM %[1]s WHERE %[2]s IS NOT NULL LIMIT 1) LIMIT %[4]d) found",
		c.table, c.field, c.operator(), neighbours)
}

// notAllowed is PostgreSQL's insufficient_privilege.
const notAllowed = "42501"

// took is a histogram of one search.
func took(seconds float64) reading.Histogram {
	h := reading.Histogram{Buckets: map[float64]uint64{}, Count: 1, Sum: seconds}
	for _, bound := range searchBounds() {
		h.Buckets[bound] = 0
		if seconds <= bound {
			h.Buckets[bound] = 1
		}
	}
	return h
}
