package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// ErrNoPod is returned where no pod of the object is ready.
var ErrNoPod = errors.New("no pod is ready")

// ErrNoPort is returned where a pod does not listen on the port.
var ErrNoPort = errors.New("takes no connections on port")

// refresh is the time between two looks at which pods are ready.
const refresh = 5 * time.Second

// Spread takes connections on a port of 127.0.0.1 for one of an object's pods,
// until ctx is done, and returns its address. Each connection goes to the next
// ready pod, those that come meanwhile too: a Service is out of reach from
// outside of a cluster, and a forward to one pod alone would leave the others
// idle.
func (c *Cluster) Spread(ctx context.Context, ref Ref, port int) (address string, err error) {
	s := &spread{cluster: c, ref: ref, port: port, ways: map[string]*way{}}
	if err := s.look(ctx); err != nil {
		return "", err
	}
	if err := s.answers(ctx); err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go s.follow(ctx)
	go s.accept(ctx, listener)
	return listener.Addr().String(), nil
}

// spread is the ways to all ready pods.
type spread struct {
	cluster *Cluster
	ref     Ref
	port    int

	mu   sync.Mutex // guards what follows
	ways map[string]*way
	turn []string // names of the pods, in the order of their turns
}

// way is the forward to one pod.
type way struct {
	address string
	ended   <-chan struct{}
	stop    context.CancelFunc
}

func (w *way) broken() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// refusal is how long a pod is listened to before anything is sent: a connection to
// a port on which it does not listen is ended at once, which says nothing of why.
const refusal = time.Second

// answers says when the first pod takes no connections on the port. One that says
// nothing waits for a request.
func (s *spread) answers(ctx context.Context) error {
	pod := s.turn[0]
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.ways[pod].address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetReadDeadline(clock.System.Now().Add(refusal)); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("%s: pod %s %w %d", s.ref, pod, ErrNoPort, s.port)
}

func (s *spread) follow(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-clock.System.After(refresh):
			_ = s.look(ctx) // the ways there are still lead somewhere
		}
	}
}

// look finds the ready pods and opens ways to those that are new.
func (s *spread) look(ctx context.Context) error {
	object, err := s.cluster.Workload(ctx, s.ref)
	if err != nil {
		return err
	}
	pods, err := s.cluster.Pods(ctx, object)
	if err != nil {
		return err
	}
	ready, failed := map[string]bool{}, error(nil)
	for _, p := range pods {
		if p.Phase == scale.Running && p.Readiness.Ready && p.DeletedAt.IsZero() {
			ready[p.Name] = true
			failed = errors.Join(failed, s.open(ctx, p.Name))
		}
	}
	if left := s.keep(ready); left == 0 {
		return fmt.Errorf("%s: %w", s.ref, errors.Join(ErrNoPod, failed))
	}
	return nil
}

// open opens the way to a pod, unless there is one.
func (s *spread) open(ctx context.Context, pod string) error {
	s.mu.Lock()
	known := s.ways[pod]
	s.mu.Unlock()
	if known != nil && !known.broken() {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	address, ended, err := s.cluster.Forward(ctx, s.ref.Namespace, pod, s.port)
	if err != nil {
		stop()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known != nil {
		known.stop()
	}
	s.ways[pod] = &way{address: address, ended: ended, stop: stop}
	return nil
}

// keep gives turns to the pods that are ready, and returns how many have one.
// The way to one that is not any more stays for its requests in progress: it
// breaks with the pod.
func (s *spread) keep(ready map[string]bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn = s.turn[:0]
	for pod, w := range s.ways {
		switch {
		case w.broken():
			w.stop()
			delete(s.ways, pod)
		case ready[pod]:
			s.turn = append(s.turn, pod)
		}
	}
	return len(s.turn)
}

// next is the way of the pod whose turn it is.
func (s *spread) next() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.turn {
		pod := s.turn[0]
		s.turn = append(s.turn[1:], pod)
		if w := s.ways[pod]; w != nil && !w.broken() {
			return w.address, nil
		}
	}
	return "", ErrNoPod
}

func (s *spread) accept(ctx context.Context, listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return // it was closed
		}
		go s.serve(ctx, in)
	}
}

// serve passes on what is said on a connection, both ways.
func (s *spread) serve(ctx context.Context, in net.Conn) {
	defer in.Close()
	address, err := s.next()
	if err != nil {
		return
	}
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer out.Close()
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(pair[1], pair[0])
			if half, ok := pair[1].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		})
	}
	both.Wait()
}
