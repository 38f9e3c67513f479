package kubernetes

import (
	"errors"
	"net"
	"testing"
)

// A forward takes each connection itself, and ends it where the pod takes none:
// who only counted broken requests would look for the fault in the service.
func TestAPortOnWhichAPodDoesNotListenIsSaid(t *testing.T) {
	for name, tc := range map[string]struct {
		then    func(net.Conn) // what becomes of a connection
		refused bool
	}{
		"nobody listens":        {func(c net.Conn) { _ = c.Close() }, true},
		"it waits for requests": {func(net.Conn) {}, false},
		"it speaks first":       {func(c net.Conn) { _, _ = c.Write([]byte("220 ready")) }, false},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		taken := make(chan net.Conn, 1)
		go func() {
			defer close(taken)
			if c, err := listener.Accept(); err == nil {
				tc.then(c)
				taken <- c
			}
		}()
		s := &spread{ref: Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}, port: 81, turn: []string{"web-1"}, ways: map[string]*way{"web-1": {address: listener.Addr().String()}}}
		err = s.answers(t.Context())
		const says = "Deployment shop/web: pod web-1 takes no connections on port 81"
		if errors.Is(err, ErrNoPort) != tc.refused || (err != nil) != tc.refused || err != nil && err.Error() != says {
			t.Errorf("%s: got %v", name, err)
		}
		_ = listener.Close()
		for c := range taken {
			_ = c.Close()
		}
	}
}
