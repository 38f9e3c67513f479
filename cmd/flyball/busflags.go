package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/bus/redis"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
)

// passwordVariable is where the bus's password is read, so that no list of
// processes shows it.
const passwordVariable = "FLYBALL_BUS_PASSWORD"

// busFlags say where the bus between processes is.
type busFlags struct {
	address, namespace, passwordFile string
	caFile, certFile, keyFile        string
}

func (f *busFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.address, "bus", "", "`URL` of the Redis between processes: redis://host:port/database, rediss:// for TLS, unix:///path")
	flags.StringVar(&f.namespace, "bus-namespace", "default", "word that keeps apart those who share a Redis")
	flags.StringVar(&f.passwordFile, "bus-password-file", "", "`FILE` with the password of the bus; "+passwordVariable+" may hold it instead")
	flags.StringVar(&f.caFile, "bus-ca", "", "`FILE` with the certificates that may have signed the bus's (default those this machine trusts)")
	flags.StringVar(&f.certFile, "bus-cert", "", "`FILE` with a certificate to show to the bus")
	flags.StringVar(&f.keyFile, "bus-key", "", "`FILE` with its key")
}

// server reads where the bus is and how it lets in.
func (f *busFlags) server() (redis.Server, error) {
	if f.address == "" {
		return redis.Server{}, errors.New("--bus: must be given, for example redis://127.0.0.1:6379")
	}
	s, err := redis.Parse(f.address)
	if err != nil {
		return s, fmt.Errorf("--bus: %w", err)
	}
	s.CAFile, s.CertFile, s.KeyFile = f.caFile, f.certFile, f.keyFile
	if f.passwordFile != "" {
		raw, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return s, fmt.Errorf("--bus-password-file: %w", err)
		}
		s.Password = strings.TrimRight(string(raw), "\r\n")
		return s, nil
	}
	s.Password = cmp.Or(os.Getenv(passwordVariable), s.Password)
	return s, nil
}

// open returns the bus; instance is who speaks on it.
func (f *busFlags) open(ctx context.Context, instance string, log *slog.Logger) (*redis.Bus, error) {
	server, err := f.server()
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return redis.Open(ctx, redis.Options{Server: server, Namespace: f.namespace, Instance: instance, Clock: clock.System, Log: log})
}
