package process

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/filelock"
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

// turnPause and turnTries bound the wait for another target's start.
const (
	turnPause = 5 * time.Millisecond
	turnTries = 100
)

// takeTurn keeps other targets on this machine from choosing a port until
// release is called. A port is known to be taken once its replica runs and
// shows its mark; in between two targets could choose the same one. Where
// there is no turn to be had it goes on without: most likely nothing happens,
// and a replica that finds its port in use is replaced.
func takeTurn(clk clock.Clock) (release func()) {
	path := filepath.Join(os.TempDir(), "flyball-ports.lock")
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		file, err = os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	}
	if err != nil {
		return func() {}
	}
	for range turnTries {
		if err := filelock.Lock(file); !errors.Is(err, filelock.ErrLocked) {
			break
		}
		<-clk.After(turnPause)
	}
	return func() { file.Close() }
}

func free(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}
