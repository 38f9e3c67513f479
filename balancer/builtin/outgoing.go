package builtin

import (
	"bufio"
	"net"
	"net/http"
	"net/textproto"
	"strings"
)

// outgoing is a request without a body as a backend gets it over a wire.
type outgoing struct {
	in      *http.Request
	uri     string
	trusted bool // what earlier proxies said is kept
	listed  []string
}

// simple reports whether a request can go over a wire: it may be sent twice,
// has no body, by its kind, and asks for no other protocol.
func simple(r *http.Request) bool {
	return idempotent(r.Method) && r.Method != http.MethodPut && r.ContentLength == 0 && len(r.TransferEncoding) == 0 &&
		r.Header["Upgrade"] == nil && r.Header["Expect"] == nil && printable(r.Host)
}

// newOutgoing returns false for a URI that cannot be written in one line.
func newOutgoing(r *http.Request, trusted bool) (*outgoing, bool) {
	o := &outgoing{in: r, uri: r.URL.RequestURI(), trusted: trusted}
	o.listed = connectionTokens(r.Header)
	return o, printable(o.uri)
}

// printable reports whether text holds neither blanks nor control characters.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] == 0x7f {
			return false
		}
	}
	return true
}

// write puts the request on the wire. The server has checked the names and
// values of the header; errors show when out is flushed.
func (o *outgoing) write(out *bufio.Writer) {
	r := o.in
	line(out, r.Method, " ", o.uri, " HTTP/1.1\r\nHost: ", r.Host, "\r\n")
	for name, values := range r.Header {
		if ofHop(name) || forwarded(name) || o.lists(name) {
			continue
		}
		for _, v := range values {
			line(out, name, ": ", v, "\r\n")
		}
	}
	if hasToken(r.Header["Te"], "trailers") {
		line(out, "Te: trailers\r\n")
	}
	o.writeForwarded(out)
	line(out, "\r\n")
}

func line(out *bufio.Writer, parts ...string) {
	for _, p := range parts {
		_, _ = out.WriteString(p) // bufio keeps the error for Flush
	}
}

// writeForwarded says whose request it is, as httputil.SetXForwarded does.
func (o *outgoing) writeForwarded(out *bufio.Writer) {
	r := o.in
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		line(out, "X-Forwarded-For: ")
		if prior := r.Header["X-Forwarded-For"]; o.trusted && len(prior) > 0 {
			line(out, strings.Join(prior, ", "), ", ")
		}
		line(out, ip, "\r\n")
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	line(out, "X-Forwarded-Host: ", o.prior("X-Forwarded-Host", r.Host), "\r\n")
	line(out, "X-Forwarded-Proto: ", o.prior("X-Forwarded-Proto", proto), "\r\n")
}

// prior is what a trusted proxy before us said, else ours.
func (o *outgoing) prior(name, ours string) string {
	if v := o.in.Header[name]; o.trusted && len(v) > 0 {
		return v[0]
	}
	return ours
}

func (o *outgoing) lists(name string) bool {
	for _, l := range o.listed {
		if l == name {
			return true
		}
	}
	return false
}

// forwarded reports a header in which a client could pretend to be another.
func forwarded(name string) bool {
	switch name {
	case "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto":
		return true
	}
	return false
}

// ofHop reports a header that concerns one connection only (RFC 9110, 7.6.1)
// or that we write ourselves.
func ofHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length":
		return true
	}
	return false
}

// connectionTokens lists the headers that Connection declares as its own.
func connectionTokens(h http.Header) []string {
	var names []string
	for _, v := range h["Connection"] {
		for token := range strings.SplitSeq(v, ",") {
			switch token = textproto.TrimString(token); token {
			case "", "close", "keep-alive":
			default:
				names = append(names, textproto.CanonicalMIMEHeaderKey(token))
			}
		}
	}
	return names
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(textproto.TrimString(t), token) {
				return true
			}
		}
	}
	return false
}
