package queue

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/resp"
	"github.com/flyball-io/flyball/internal/webclient"
	"github.com/flyball-io/flyball/source/reading"
)

// keepIdle is how long a connection is kept for the next reading.
const keepIdle = time.Minute

// redisReader reads something of a Redis: look asks over one connection.
type redisReader struct {
	name string
	pool *redis.Pool
	wait time.Duration
	opts options
	look func(ctx context.Context, c redis.Conn, p reading.Part) error
}

func (l Login) reader(name string, s Server, o options, look func(context.Context, redis.Conn, reading.Part) error) *redisReader {
	wait := s.Timeout.Std()
	return &redisReader{name: name, wait: wait, opts: o, look: look, pool: &redis.Pool{
		MaxIdle: 1, IdleTimeout: keepIdle,
		DialContext:  func(ctx context.Context) (redis.Conn, error) { return l.dial(ctx, wait) },
		TestOnBorrow: func(c redis.Conn, _ time.Time) error { _, err := redis.DoWithTimeout(c, wait, "PING"); return err },
	}}
}

// Close closes the connection that is kept.
func (r *redisReader) Close() { _ = r.pool.Close() }

// Read asks once, which counts as one request.
func (r *redisReader) Read(ctx context.Context) (reading.Reading, error) {
	end := calls.Process().Begin(calls.Queue)
	ctx, cancel := context.WithTimeoutCause(ctx, r.wait, fmt.Errorf("no answer within %v", r.wait))
	defer cancel()
	at, p := r.opts.clock.Now(), reading.NewPart(r.name)
	unheard, err := r.ask(ctx, p)
	if !errors.Is(ctx.Err(), context.Canceled) { // else nobody wants to know any more
		end(err, unheard)
	}
	if err != nil {
		return reading.Reading{}, err
	}
	return reading.Reading{At: at, Parts: []reading.Part{p}}, nil
}

// ask fills a part. A fault is unheard where it is not Redis that says it.
func (r *redisReader) ask(ctx context.Context, p reading.Part) (unheard bool, err error) {
	c, err := r.pool.GetContext(ctx)
	if err != nil {
		var said redis.Error
		return !errors.As(err, &said), fmt.Errorf("redis: %w", inWords(ctx, err))
	}
	defer func() { _ = c.Close() }()
	if err := r.look(ctx, c, p); err != nil {
		return c.Err() != nil, fmt.Errorf("redis: %s: %w", webclient.Excerpt(r.name, 100), inWords(ctx, err))
	}
	return false, nil
}

// inWords says why it took too long, where it did.
func inWords(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// dial opens a connection. Errors do not hold the address: it may hold a
// password.
func (l Login) dial(ctx context.Context, wait time.Duration) (redis.Conn, error) {
	password := l.Password.Reveal()
	if l.PasswordFile != "" {
		content, err := os.ReadFile(l.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("passwordFile: %w", err)
		}
		password = strings.TrimSpace(string(content))
	}
	u, err := url.Parse(l.Address)
	if err != nil {
		return nil, errors.New("address: cannot be read")
	}
	var security *tls.Config
	if u.Scheme == "rediss" {
		if security, err = l.security(u.Hostname()); err != nil {
			return nil, err
		}
	}
	options := []redis.DialOption{redis.DialReadTimeout(wait), redis.DialWriteTimeout(wait), redis.DialContextFunc(boundedDial(wait, security))}
	if password != "" {
		options = append(options, redis.DialPassword(password))
	}
	if u.Scheme == "unix" {
		database, _ := strconv.Atoi(u.Query().Get("db"))
		return redis.DialContext(ctx, "unix", u.Path, append(options, redis.DialDatabase(database))...)
	}
	u.Scheme = "redis" // TLS is ours: answers are bounded above it
	return redis.DialURLContext(ctx, u.String(), options...)
}

// security is that of TLS.
func (l Login) security(host string) (*tls.Config, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if l.CAFile == "" {
		return security, nil
	}
	pem, err := os.ReadFile(l.CAFile)
	if err != nil {
		return nil, fmt.Errorf("caFile: %w", err)
	}
	security.RootCAs = x509.NewCertPool()
	if !security.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("caFile: %s holds no certificate in PEM form", l.CAFile)
	}
	return security, nil
}

// limits are more than the answers here have: the largest are a thousand entries
// of a stream, and a task.
func limits() resp.Limits { return resp.Limits{Bytes: 32 << 20, Elements: 100_000} }

// boundedDial opens connections on which no answer is beyond the limits.
func boundedDial(wait time.Duration, security *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: wait}
	dial := plain.DialContext
	if security != nil {
		dial = (&tls.Dialer{NetDialer: plain, Config: security}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return resp.Bound(c, limits()), nil
	}
}

func (l Login) faults() []error {
	var errs []error
	u, err := url.Parse(l.Address)
	switch {
	case err != nil, !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme), u.Scheme != "unix" && u.Hostname() == "", u.Scheme == "unix" && u.Path == "":
		errs = append(errs, errors.New("address: must be redis://host:port/database, rediss://host:port/database or unix:///path/to/socket"))
	default:
		database := strings.TrimPrefix(u.Path, "/")
		if u.Scheme == "unix" {
			database = u.Query().Get("db")
		}
		if n, err := strconv.Atoi(database); database != "" && (err != nil || n < 0) {
			errs = append(errs, fmt.Errorf("address: the database must be a number from 0 on, got %q", database))
		}
		if l.CAFile != "" && u.Scheme != "rediss" {
			errs = append(errs, errors.New("caFile: is for a server with TLS, whose address begins with rediss://"))
		}
	}
	if l.Password != "" && l.PasswordFile != "" {
		errs = append(errs, errors.New("password: at most one of password and passwordFile may be set"))
	}
	return errs
}

func (r *Redis) faults() []error {
	errs := r.Login.faults()
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if (r.List == "") == (r.Stream == "") {
		fault("list: exactly one of list and stream must be given")
	}
	if r.List == "" && (len(r.Processing) > 0 || r.Completed != "" || r.TimeField != "" || r.Oldest != "") {
		fault("list: processing, completed, oldest and timeField are of a list")
	}
	if (r.Stream == "") != (r.Group == "") {
		fault("group: stream and group must be given together")
	}
	if r.Oldest != "" && r.Oldest != Right && r.Oldest != Left {
		fault("oldest: must be right or left, got %q", r.Oldest)
	}
	return errs
}

func (r *Redis) reader(s Server, o options) (reading.Reader, error) {
	if r.Stream != "" {
		return r.Login.reader(r.Stream, s, o, r.lookAtStream), nil
	}
	return r.Login.reader(r.List, s, o, r.lookAtList), nil
}

// lookAtList reads a list and what workers keep beside it, all at one moment.
// Redis has no empty lists: one that is not there has nothing in it.
func (r *Redis) lookAtList(ctx context.Context, c redis.Conn, p reading.Part) error {
	commands := [][]any{{"TIME"}, {"LLEN", r.List}}
	for _, key := range r.Processing {
		commands = append(commands, []any{"LLEN", key})
	}
	if r.Completed != "" {
		commands = append(commands, []any{"GET", r.Completed})
	}
	if r.TimeField != "" { // a task may be large
		commands = append(commands, []any{"LINDEX", r.List, r.oldestAt()})
	}
	answers, err := atOnce(ctx, c, commands)
	if err != nil {
		return err
	}
	depth, err := redis.Int64(answers[1], nil)
	if err != nil {
		return err
	}
	p.Values[reading.QueueDepth] = float64(depth)
	rest := answers[2:]
	if n := len(r.Processing); n > 0 {
		if p.Values[reading.InProgress], err = sum(rest[:n]); err != nil {
			return fmt.Errorf("processing: %w", err)
		}
		rest = rest[n:]
	}
	if r.Completed != "" {
		done, err := redis.Int64(rest[0], nil)
		if err != nil && !errors.Is(err, redis.ErrNil) { // nil: nothing was done yet
			return fmt.Errorf("completed: %w", err)
		}
		p.Counts[reading.Count{Name: reading.Completed}] = float64(done)
		rest = rest[1:]
	}
	if r.TimeField != "" {
		r.age(p, answers[0], rest[0])
	}
	return nil
}

// oldestAt is the index of the oldest task.
func (r *Redis) oldestAt() int {
	if r.Oldest == Left {
		return 0
	}
	return -1
}

// age is told where the oldest task tells when it was queued; without a task
// nothing is old.
func (r *Redis) age(p reading.Part, now, oldest any) {
	task, err := redis.Bytes(oldest, nil)
	if errors.Is(err, redis.ErrNil) {
		p.Values[reading.OldestAge] = 0
		return
	}
	at, err := serverTime(now)
	if err != nil {
		return
	}
	if queued, ok := timeIn(task, r.TimeField); ok {
		p.Values[reading.OldestAge] = max(0, at.Sub(queued).Seconds())
	}
}

// atOnce runs commands as one transaction.
func atOnce(ctx context.Context, c redis.Conn, commands [][]any) ([]any, error) {
	if err := c.Send("MULTI"); err != nil {
		return nil, err
	}
	for _, command := range commands {
		if err := c.Send(command[0].(string), command[1:]...); err != nil {
			return nil, err
		}
	}
	answers, err := redis.Values(redis.DoContext(c, ctx, "EXEC"))
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		if fault, is := a.(redis.Error); is {
			return nil, fmt.Errorf("%s: %w", commands[i][0], fault)
		}
	}
	if len(answers) != len(commands) {
		return nil, fmt.Errorf("answered %d of %d commands", len(answers), len(commands))
	}
	return answers, nil
}

func sum(counts []any) (float64, error) {
	all := 0.0
	for _, c := range counts {
		n, err := redis.Int64(c, nil)
		if err != nil {
			return 0, err
		}
		all += float64(n)
	}
	return all, nil
}

// serverTime reads the answer of TIME: the clock that dated the entries.
func serverTime(answer any) (time.Time, error) {
	parts, err := redis.Strings(answer, nil)
	if err != nil || len(parts) != 2 {
		return time.Time{}, errors.New("TIME: no time")
	}
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	micros, fault := strconv.ParseInt(parts[1], 10, 64)
	return time.Unix(seconds, micros*1000), errors.Join(err, fault)
}
