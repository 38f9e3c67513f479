package syslogd_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/syslogd"
)

func TestMessagesArrive(t *testing.T) {
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": filepath.Join(t.TempDir(), "log")} {
		t.Run(network, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			r, err := syslogd.Listen(ctx, address)
			if err != nil {
				t.Fatal(err)
			}
			got, ended := make(chan string, 1), make(chan error)
			go func() { ended <- r.Run(ctx, func(text []byte) { got <- string(text) }) }()
			conn, err := net.Dial(network, r.Address())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("<190>Nov 22 18:26:30 flyball: a: b\n")); err != nil {
				t.Fatal(err)
			}
			select {
			case text := <-got:
				if text != "a: b" {
					t.Errorf("got %q, want the text without its heading", text)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("nothing came")
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestText(t *testing.T) {
	for message, want := range map[string]string{"<190>x: y": "y", "x: y": "x: y", "": "", "<1>": "<1>", "plain\r\n": "plain"} {
		if got := syslogd.Text([]byte(message)); string(got) != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}
