package load

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Reach opens one connection to the host of target and closes it again, so
// that a wrong address is told at once instead of in a thousand errors. No
// request is sent.
func Reach(ctx context.Context, target string) error {
	if err := validURL(target); err != nil {
		return err
	}
	u, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("url %q: %w", target, err)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("reach %s: %w", target, err)
	}
	return conn.Close()
}
