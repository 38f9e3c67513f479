package nginx

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// States of a connection in /proc/net/tcp that is in use, or about to be.
const (
	established = "01"
	asking      = "02" // SYN_SENT
)

// connected reports whether a worker that leaves has a connection to the
// address. Such a worker keeps no unused ones, so each is a request in
// progress there. A worker that cannot be looked into counts as connected.
func connected(one process, address netip.AddrPort) bool {
	held, err := sockets(one.pid)
	if err != nil {
		return alive([]process{one})
	}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", one.pid, table))
		if err != nil && table == "tcp" {
			return alive([]process{one})
		}
		for row := range strings.Lines(string(text)) {
			f := strings.Fields(row)
			if len(f) < 10 || (f[3] != established && f[3] != asking) || !slices.Contains(held, f[9]) {
				continue
			}
			if remote, ok := peer(f[2]); ok && remote == address {
				return true
			}
		}
	}
	return false
}

// sockets are the inodes of the sockets a process holds.
func sockets(pid int) ([]string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, file := range files {
		to, err := os.Readlink(dir + "/" + file.Name())
		if inode, ok := strings.CutPrefix(to, "socket:["); err == nil && ok {
			out = append(out, strings.TrimSuffix(inode, "]"))
		}
	}
	return out, nil
}

// peer reads an address of /proc/net/tcp: words of 32 bits, each in the
// machine's byte order (0100007F:1F90 is 127.0.0.1:8080 on most machines).
func peer(text string) (netip.AddrPort, bool) {
	words, portText, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	port, err2 := hex.DecodeString(portText)
	if err != nil || err2 != nil || len(port) != 2 || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(port[0])<<8|uint16(port[1])), ok
}
