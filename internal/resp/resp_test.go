package resp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/internal/resp"
)

// wire is a connection whose other side says what is in it.
type wire struct {
	net.Conn
	io.Reader
}

func (w wire) Read(p []byte) (int, error) { return w.Reader.Read(p) }

func limits() resp.Limits { return resp.Limits{Bytes: 1000, Elements: 20} }

// Each answer is read at once and byte by byte: lengths may come in pieces.
func TestAnswersBeyondTheLimitsAreNotRead(t *testing.T) {
	deep := strings.Repeat("*1\r\n", 17)
	for answer, fine := range map[string]bool{
		"+OK\r\n":                             true,
		"-ERR no\r\n":                         true,
		":7\r\n":                              true,
		"$-1\r\n":                             true,
		"$0\r\n\r\n":                          true,
		"*-1\r\n":                             true,
		"*0\r\n":                              true,
		"*2\r\n*2\r\n:1\r\n$1\r\na\r\n+b\r\n": true,
		"$4\r\n$999\r\n":                      true, // the text is no length
		"$900\r\n" + strings.Repeat("x", 900) + "\r\n": true,
		"*20\r\n" + strings.Repeat(":1\r\n", 20):       true,
		"$1001\r\n":                                    false,
		"$9000000000000000000\r\n":                     false,
		"$18446744073709551617\r\n":                    false, // 1 where it overflows
		"$\r\n":                                        false,
		"$-2\r\n":                                      false,
		"*21\r\n":                                      false,
		"*9000000000000000000\r\n":                     false,
		"*2\r\n*10\r\n" + strings.Repeat(":1\r\n", 10) + "*9\r\n":    false,
		"*2\r\n$600\r\n" + strings.Repeat("x", 600) + "\r\n$600\r\n": false,
		deep:                            false,
		"+" + strings.Repeat("x", 1100): false,
		"$" + strings.Repeat("0", 40) + "1\r\nx\r\n": true,
	} {
		for how, r := range map[string]io.Reader{"at once": strings.NewReader(answer), "byte by byte": iotest.OneByteReader(strings.NewReader(answer))} {
			got, err := io.ReadAll(resp.Bound(wire{Reader: r}, limits()))
			if fine && (err != nil || string(got) != answer) {
				t.Errorf("%.40q %s: got %.40q, %v; want all of it", answer, how, got, err)
			}
			if !fine && err == nil {
				t.Errorf("%.40q %s was read", answer, how)
			}
		}
	}
}

// The limits are those of an answer and not of the connection.
func TestEachAnswerHasTheWholeLimits(t *testing.T) {
	one := "*20\r\n" + strings.Repeat("$30\r\n"+strings.Repeat("x", 30)+"\r\n", 20)
	all := strings.Repeat(one, 5)
	got, err := io.ReadAll(resp.Bound(wire{Reader: strings.NewReader(all)}, limits()))
	if err != nil || string(got) != all {
		t.Errorf("read %d of %d bytes: %v", len(got), len(all), err)
	}
}

// Whatever is said, the library neither panics nor takes more room than allowed.
func FuzzBound(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n:5\r\n"))
	f.Add([]byte("$9000000000000000000\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() {
			_, _ = io.Copy(theirs, bytes.NewReader(said))
			_ = theirs.Close()
		}()
		c := redis.NewConn(resp.Bound(ours, limits()), 0, 0)
		for {
			answer, err := c.Receive()
			if err != nil && c.Err() != nil {
				return
			}
			if n := len(fmt.Sprint(answer)); n > 10*limits().Bytes {
				t.Fatalf("an answer of %d bytes", n)
			}
		}
	})
}
