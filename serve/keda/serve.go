package keda

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	pb "github.com/flyball-io/flyball/serve/keda/externalscaler"
)

// lastWords is how long calls may take that have begun when all ends.
const lastWords = time.Second

// Server serves a scaler at an address.
type Server struct {
	*Scaler
	// Listen opens the address, when it is first needed.
	Listen func(ctx context.Context) (net.Listener, error)
	// TLS is nil where it is spoken unencrypted. Who must show a certificate is
	// said there.
	TLS *tls.Config
}

// Run answers KEDA until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	listener, err := s.Listen(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	server := grpc.NewServer(grpc.Creds(s.credentials()),
		// A connection whose other end is gone without a word holds a stream for ever.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.MaxRecvMsgSize(1<<20))
	pb.RegisterExternalScalerServer(server, s.Scaler)
	group.Go(func() error { return s.Hear(ctx) })
	group.Go(func() error {
		if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("serve KEDA: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		s.end()
		late := time.AfterFunc(lastWords, server.Stop)
		defer late.Stop()
		server.GracefulStop()
		return nil
	})
	return group.Wait()
}

func (s *Server) credentials() credentials.TransportCredentials {
	if s.TLS == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(s.TLS)
}
