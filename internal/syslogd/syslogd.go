// Package syslogd receives what programs such as nginx and HAProxy send to a
// syslog server: one message a datagram, in the form of RFC 3164. It is how
// their access logs come here without a file that grows.
package syslogd

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
)

const (
	// longest is the most of one message that is read; nginx cuts at 2 kB.
	longest = 8 << 10
	// queue is what the system is asked to keep for a reader that is late; it
	// may grant less.
	queue = 4 << 20
)

// Receiver is a socket that takes messages.
type Receiver struct{ conn net.PacketConn }

// Listen opens a UDP socket (host:port) or a datagram socket in the file
// system (a path).
func Listen(ctx context.Context, address string) (*Receiver, error) {
	network := "udp"
	if strings.HasPrefix(address, "/") {
		network = "unixgram"
	}
	var l net.ListenConfig
	conn, err := l.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("receive a log: %w", err)
	}
	if sized, ok := conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		_ = sized.SetReadBuffer(queue) // a wish: less is only less patient
	}
	return &Receiver{conn}, nil
}

// Address is where messages are taken.
func (r *Receiver) Address() string { return r.conn.LocalAddr().String() }

// Close stops taking messages.
func (r *Receiver) Close() { _ = r.conn.Close() } // nothing is written that could be lost

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
