package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/tlsfiles"
	"github.com/flyball-io/flyball/operator"
	"github.com/flyball-io/flyball/serve/keda"
)

// kedaFlags say where KEDA is answered, and who may ask.
type kedaFlags struct {
	listen, cert, key, clients string
	opened                     net.Listener // nil: it is opened when it is needed
}

func (f *kedaFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.listen, "keda-listen", "", "address where KEDA's external scalers get the decided number of replicas by gRPC, such as :6000 (default none)")
	flags.StringVar(&f.cert, "keda-tls-cert", "", "file of the certificate chain to serve KEDA with; read again when it changes")
	flags.StringVar(&f.key, "keda-tls-key", "", "file of its key")
	flags.StringVar(&f.clients, "keda-client-ca", "", "file of the authorities by whose certificates KEDA must prove who it is; needs --keda-tls-cert")
}

// check refuses what cannot be meant.
func (f *kedaFlags) check() error {
	switch {
	case f.listen == "" && f.cert+f.key+f.clients != "":
		return errors.New("--keda-tls-cert, --keda-tls-key and --keda-client-ca: need --keda-listen")
	case f.listen == "":
		return nil
	case (f.cert == "") != (f.key == ""):
		return errors.New("--keda-tls-cert and --keda-tls-key: name both or none")
	case f.clients != "" && f.cert == "":
		return errors.New("--keda-client-ca: needs --keda-tls-cert and --keda-tls-key")
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return fmt.Errorf("--keda-listen: must be host:port, got %q", f.listen)
	}
	return nil
}

// beside is what answers KEDA, whose address is opened later; none where
// nobody is to be answered.
func (f *kedaFlags) beside(deps app.Deps) ([]app.Beside, error) {
	if f.listen == "" {
		return nil, nil
	}
	config, err := f.tls(deps.Log)
	if err != nil {
		return nil, err
	}
	scaler := keda.New(keda.Options{Bus: deps.Bus, Clock: deps.Clock, Log: deps.Log})
	return []app.Beside{&keda.Server{Scaler: scaler, TLS: config, Listen: func(ctx context.Context) (net.Listener, error) {
		err := f.open(ctx)
		if err == nil {
			deps.Log.Info("KEDA is answered", slog.String("address", f.opened.Addr().String()), slog.Bool("tls", config != nil))
		}
		return f.opened, err
	}}}, nil
}

// relay opens the address for an operator: each of its instances answers there,
// and the one that acts knows. Nil where nobody is to be answered.
func (f *kedaFlags) relay(ctx context.Context, log *slog.Logger) (*operator.Relay, error) {
	if f.listen == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err := f.open(ctx); err != nil {
		return nil, err
	}
	relay := operator.NewRelay(f.opened, log)
	f.opened = relay.Acting()
	return relay, nil
}

// open opens the address, once.
func (f *kedaFlags) open(ctx context.Context) (err error) {
	if f.listen == "" || f.opened != nil {
		return nil
	}
	if f.opened, err = new(net.ListenConfig).Listen(ctx, "tcp", f.listen); err != nil {
		return fmt.Errorf("--keda-listen: %w", err)
	}
	return nil
}

// tls is how KEDA is spoken with; nil: unencrypted.
func (f *kedaFlags) tls(log *slog.Logger) (*tls.Config, error) {
	if f.cert == "" {
		if !isLoopback(f.listen) {
			log.Warn("KEDA is answered unencrypted, whoever asks: name --keda-tls-cert, --keda-tls-key and --keda-client-ca, or let a NetworkPolicy keep others away")
		}
		return nil, nil //nolint:nilnil // none is an answer
	}
	certificate, err := tlsfiles.Load(f.cert, f.key, clock.System, log)
	if err != nil {
		return nil, fmt.Errorf("--keda-tls-cert, --keda-tls-key: %w", err)
	}
	config := certificate.Config()
	if f.clients == "" {
		return config, nil
	}
	authorities, err := os.ReadFile(f.clients)
	if err != nil {
		return nil, fmt.Errorf("--keda-client-ca: %w", err)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("--keda-client-ca: %s holds no certificate in PEM form", f.clients)
	}
	return config, nil
}
