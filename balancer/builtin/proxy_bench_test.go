package builtin

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/balancer"
)

// BenchmarkRequest counts what one request over kept connections costs the
// proxy: client and backend are bare connections that allocate nothing.
func BenchmarkRequest(b *testing.B) {
	for _, bm := range []struct{ name, head, body string }{
		{"GET", "GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n", ""},
		{"POST", "POST /a HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\nContent-Length: 5\r\n\r\n", "hello"},
	} {
		b.Run(bm.name, func(b *testing.B) { benchmarkRequest(b, bm.head+bm.body, "\r\n\r\n"+bm.body) })
	}
}

func benchmarkRequest(b *testing.B, request, end string) {
	const body = "hello, world, this is the answer of a tiny service\n"
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Mon, 01 Jan 2030 00:00:00 GMT\r\nContent-Length: 51\r\n\r\n" + body
	r := start(b, nil)
	if err := r.SetBackends(b.Context(), []balancer.Backend{{ID: "a", Address: bareBackend(b, end, answer)}}); err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(conn, request); err != nil {
			b.Fatal(err)
		}
		if err := readUntil(conn, buf, []byte(body)); err != nil {
			b.Fatal(err)
		}
	}
}

// bareBackend answers whatever ends in end.
func bareBackend(b *testing.B, end, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				for readUntil(conn, buf, []byte(end)) == nil {
					io.WriteString(conn, answer)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// readUntil reads until what came ends in end.
func readUntil(conn net.Conn, buf, end []byte) error {
	n := 0
	for !bytes.HasSuffix(buf[:n], end) {
		m, err := conn.Read(buf[n:])
		if err != nil {
			return err
		}
		n += m
	}
	return nil
}
