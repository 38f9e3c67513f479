package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/internal/clock"
)

// The wait between two attempts to connect doubles, from the first to the last.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 2 * time.Second
)

// link opens connections to the server and says when it is lost and back.
// After an attempt that failed there is none for a while: who calls meanwhile
// is told so at once.
type link struct {
	server   Server
	security *tls.Config
	clock    clock.Clock
	log      *slog.Logger

	mu   sync.Mutex // guards what follows; nobody does I/O under it
	down error      // why the server cannot be used; nil: it can
	lost time.Time  // when that began
	wait time.Duration
	next time.Time // of the next attempt
}

// dial is connect for callers who do not wait for the next attempt.
func (l *link) dial(ctx context.Context) (redis.Conn, error) {
	if err := l.early(); err != nil {
		return nil, err
	}
	return l.connect(ctx)
}

func (l *link) connect(ctx context.Context) (redis.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := []redis.DialOption{
		redis.DialUsername(l.server.Username), redis.DialPassword(l.server.Password), redis.DialDatabase(l.server.Database),
		redis.DialConnectTimeout(callTimeout), redis.DialReadTimeout(callTimeout), redis.DialWriteTimeout(callTimeout),
	}
	if l.security != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(l.security))
	}
	c, err := redis.DialContext(ctx, l.server.Network, l.server.Address, options...)
	if err == nil {
		// Without a password a server that wants one says so to the first command
		// alone, and one that still reads its file says that it does.
		if _, err = redis.DoContext(c, ctx, "PING"); err != nil {
			_ = c.Close()
		}
	}
	l.note(err)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// early returns why not to try yet; nil: it is time.
func (l *link) early() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil && l.clock.Now().Before(l.next) && l.next.Sub(l.clock.Now()) <= lastWait {
		return l.down
	}
	return nil
}

// note takes the outcome of using the server.
func (l *link) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
		return // it was we who did not wait
	case err == nil && l.down != nil:
		l.log.Info("the bus is back", slog.String("server", l.server.Address))
		l.wait = 0
	case err != nil:
		if l.down == nil {
			l.lost = l.clock.Now()
			l.log.Warn("the bus cannot be reached: what runs goes on, and nothing is decided until it is back",
				slog.String("server", l.server.Address), slog.Any("error", err))
		}
		l.wait = min(max(2*l.wait, firstWait), lastWait)
		l.next = l.clock.Now().Add(l.wait)
	}
	l.down = err
}

// away returns why the server cannot be used and since when; nil: it can.
func (l *link) away() (since time.Time, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost, l.down
}

// pause waits until the next attempt; false when ctx is done.
func (l *link) pause(ctx context.Context) bool {
	l.mu.Lock()
	wait := max(l.wait, firstWait)
	l.mu.Unlock()
	select {
	case <-l.clock.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// stillOpen tests a connection that has not been used for some time.
func (l *link) stillOpen(c redis.Conn, since time.Time) error {
	if l.clock.Now().Sub(since) < time.Second {
		return nil
	}
	_, err := redis.DoWithTimeout(c, callTimeout, "PING")
	return err
}

// refused reports whether the server was reached and does not let us in: that
// does not mend itself.
func refused(err error) bool {
	for _, kind := range []string{"WRONGPASS", "NOAUTH", "NOPERM", "ERR invalid password", "ERR DB index", "ERR AUTH"} {
		if says(err, kind) {
			return true
		}
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	return errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) || errors.As(err, &plain)
}
