package process

import (
	"fmt"
	"hash/fnv"
	"net"
)

// ports gives every replica a port of its own. It goes round the range, so
// that a port rests as long as possible before it is used again, and starts
// at a place of its own, so that targets with the same range rarely meet.
type ports struct {
	first, last, next int
}

func newPorts(cfg Config, owner string) ports {
	p := ports{}
	p.limit(cfg)
	h := fnv.New32a()
	h.Write([]byte(owner))
	p.next = p.first + int(h.Sum32()%uint32(p.last-p.first+1))
	return p
}

// limit sets the range of a configuration that was validated.
func (p *ports) limit(cfg Config) {
	first, last, err := cfg.ports()
	if err != nil {
		panic("process: ports of a configuration that was not validated: " + err.Error())
	}
	p.first, p.last = first, last
}

// take returns a port that is neither taken nor listened on.
func (p *ports) take(taken func(port int) bool) (int, error) {
	for range p.last - p.first + 1 {
		if p.next < p.first || p.next > p.last {
			p.next = p.first
		}
		port := p.next
		p.next++
		if !taken(port) && free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port in %d-%d: widen portRange", p.first, p.last)
}

func free(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}
