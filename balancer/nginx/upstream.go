package nginx

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/balancer"
)

// checked refuses an address that would not be one in nginx's configuration.
func checked(b balancer.Backend) error {
	host, port, err := net.SplitHostPort(b.Address)
	if err == nil && net.ParseIP(host) == nil && !names.MatchString(host) {
		err = fmt.Errorf("host %q", host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("backend %s: address %q: %w", b.ID, b.Address, err)
	}
	return nil
}

// render is the file with the upstream. Draining backends are in it as down:
// nginx sends them nothing and shows who they are. An upstream without a
// server would be refused by nginx: a server that is down stands in for it.
func (p *Plane) render() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Written by Flyball with every change of replicas; what is changed by hand is lost.\nupstream %s {\n", p.cfg.Upstream)
	// The workers share in the zone who has how many requests.
	fmt.Fprintf(&text, "\tzone flyball_%s 512k;\n\tleast_conn;\n", p.cfg.Upstream)
	for _, id := range slices.Sorted(maps.Keys(p.known)) {
		b := p.known[id]
		state := "max_fails=3 fail_timeout=2s"
		if b.draining {
			state = "down"
		}
		fmt.Fprintf(&text, "\tserver %s %s; # %q\n", b.Address, state, id)
	}
	if len(p.known) == 0 {
		text.WriteString("\tserver 127.0.0.1:1 down;\n")
	}
	if p.cfg.KeepAlive > 0 {
		// Unused connections end before a replica closes them (Node.js does after 5 s).
		fmt.Fprintf(&text, "\tkeepalive %d;\n\tkeepalive_timeout 4s;\n", p.cfg.KeepAlive)
	}
	text.WriteString("}\n")
	return text.String()
}
