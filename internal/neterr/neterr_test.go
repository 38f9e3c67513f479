package neterr_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/flyball-io/flyball/internal/neterr"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Real errors of this system, not numbers from a list.
func TestNobodyListens(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	l.Close()
	_, err := net.Dial("tcp", address)
	if !neterr.Refused(err) || neterr.Broken(err) || neterr.Exhausted(err) {
		t.Errorf("got refused %v, broken %v, exhausted %v of %v; want only refused", neterr.Refused(err), neterr.Broken(err), neterr.Exhausted(err), err)
	}
}

func TestTheOtherSideBreaksOff(t *testing.T) {
	l := listen(t)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = bufio.NewReader(conn).ReadString('\n')
		_ = conn.(*net.TCPConn).SetLinger(0) // closing resets the connection
		conn.Close()
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	if !neterr.Broken(err) || neterr.Refused(err) || neterr.Exhausted(err) {
		t.Errorf("got broken %v, refused %v, exhausted %v of %v; want only broken", neterr.Broken(err), neterr.Refused(err), neterr.Exhausted(err), err)
	}
}

func TestOtherErrorsAreNone(t *testing.T) {
	for _, err := range []error{nil, io.EOF, errors.New("refused")} {
		if neterr.Refused(err) || neterr.Broken(err) || neterr.Exhausted(err) {
			t.Errorf("%v counts as an error of the network", err)
		}
	}
}
