package web

import (
	"net/netip"
	"sync"
	"time"
)

// How many wrong tokens an address may try, and in which time.
const (
	maxFailures   = 10
	failureWindow = time.Minute
	maxOrigins    = 4096 // bounds the memory when many addresses try
)

// failures counts wrong tokens by where they came from.
type failures struct {
	mu   sync.Mutex // guards what follows
	seen map[netip.Prefix]tries
}

type tries struct {
	count int
	until time.Time // when they are forgotten
}

// origin is whom an address belongs to: a host, or a network of IPv6, in which
// one host has as many addresses as it likes.
func origin(address string) netip.Prefix {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{} // they share one
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 64
	if addr.Is4() {
		bits = 32
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

func (f *failures) locked(from netip.Prefix, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.seen[from]
	return t.count >= maxFailures && now.Before(t.until)
}

func (f *failures) add(from netip.Prefix, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, known := f.seen[from]
	if !known {
		f.makeRoom(now)
	}
	if !known || !now.Before(t.until) {
		t = tries{until: now.Add(failureWindow)}
	}
	t.count++
	f.seen[from] = t
}

// makeRoom forgets what is over, or anything when all of it is fresh.
func (f *failures) makeRoom(now time.Time) {
	if f.seen == nil {
		f.seen = map[netip.Prefix]tries{}
	}
	if len(f.seen) < maxOrigins {
		return
	}
	for from, t := range f.seen {
		if !now.Before(t.until) {
			delete(f.seen, from)
		}
	}
	for from := range f.seen {
		if len(f.seen) < maxOrigins {
			return
		}
		delete(f.seen, from)
	}
}
