// Package syslogd receives what programs such as nginx and HAProxy send to a
// syslog server: one message a datagram, in the form of RFC 3164. It is how
// their access logs come here without a file that grows.
package syslogd

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
)

const (
	// longest is the most of one message that is read; nginx cuts at 2 kB.
	longest = 8 << 10
	// queue is what the system is asked to keep for a reader that is late; it
	// may grant less.
	queue = 4 << 20
)

// everybody may write to a socket in the file system: the program that logs has
// a user of its own, www-data for example. Who must not is kept out by the
// folder.
const everybody = 0o666

// Receiver is a socket that takes messages.
type Receiver struct {
	conn net.PacketConn
	// path is that of the socket's file; "" has none.
	path string
	once sync.Once
}

// Listen opens a UDP socket (host:port) or a datagram socket in the file
// system (a path). A file that a receiver left which was killed is replaced;
// one that somebody still reads is an error.
func Listen(ctx context.Context, address string) (*Receiver, error) {
	r, err := listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("receive a log: %w", err)
	}
	if sized, ok := r.conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		_ = sized.SetReadBuffer(queue) // a wish: less is only less patient
	}
	return r, nil
}

func listen(ctx context.Context, address string) (*Receiver, error) {
	var l net.ListenConfig
	if !strings.HasPrefix(address, "/") {
		conn, err := l.ListenPacket(ctx, "udp", address)
		return &Receiver{conn: conn}, err
	}
	if err := makeRoom(ctx, address); err != nil {
		return nil, err
	}
	conn, err := l.ListenPacket(ctx, "unixgram", address)
	if err != nil {
		return nil, err
	}
	r := &Receiver{conn: conn, path: address}
	if err := os.Chmod(address, everybody); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// makeRoom takes away a socket that nobody reads. Anything else stays, and is in
// the way.
func makeRoom(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil
	}
	var d net.Dialer
	if conn, err := d.DialContext(ctx, "unixgram", path); err == nil {
		_ = conn.Close()
		return fmt.Errorf("%s: somebody else reads it", path)
	}
	return os.Remove(path)
}

// Address is where messages are taken.
func (r *Receiver) Address() string { return r.conn.LocalAddr().String() }

// Close stops taking messages, and takes the socket's file away. Only the first
// call does: by the next one another receiver may have one of that name.
func (r *Receiver) Close() {
	r.once.Do(func() {
		if r.path != "" {
			_ = os.Remove(r.path)
		}
		_ = r.conn.Close() // nothing is written that could be lost
	})
}

// Run hands the text of each message to take, which must not keep it, until
// ctx is done. It closes the socket.
func (r *Receiver) Run(ctx context.Context, take func(text []byte)) error {
	stop := context.AfterFunc(ctx, r.Close)
	defer stop()
	defer r.Close()
	buffer := make([]byte, longest)
	for {
		n, _, err := r.conn.ReadFrom(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("receive a log: %w", err)
		}
		take(Text(buffer[:n]))
	}
}

// Text is a message without its heading:
//
//	<190>Nov 22 18:26:30 flyball: text
func Text(message []byte) []byte {
	if _, text, found := bytes.Cut(message, []byte(": ")); found && bytes.HasPrefix(message, []byte("<")) {
		message = text
	}
	return bytes.TrimRight(message, "\r\n\x00")
}
