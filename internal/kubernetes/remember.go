package kubernetes

import (
	"sync"
	"time"

	autoscaling "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// scaleRead are the scale subresources as they were read last, of objects that
// are followed.
type scaleRead struct {
	mu  sync.Mutex // guards all
	all map[Ref]*readScale
}

type readScale struct {
	followers int
	scale     *autoscaling.Scale // nil: to be read
	selector  labels.Selector
}

func (s *scaleRead) follow(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[Ref]*readScale{}
	}
	if s.all[ref] == nil {
		s.all[ref] = &readScale{}
	}
	s.all[ref].followers++
}

func (s *scaleRead) forget(ref Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[ref].followers--; s.all[ref].followers == 0 {
		delete(s.all, ref)
	}
}

func (s *scaleRead) get(ref Ref) *autoscaling.Scale {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.all[ref]; known != nil {
		return known.scale
	}
	return nil
}

func (s *scaleRead) put(ref Ref, read *autoscaling.Scale) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.all[ref]
	if known == nil {
		return
	}
	if known.scale = read; read != nil {
		if selector, err := labels.Parse(read.Status.Selector); err == nil {
			known.selector = selector
		}
	}
}

// selects reports whether a pod with these labels is one of the object's.
func (s *scaleRead) selects(ref Ref, of map[string]string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.all[ref]
	return known != nil && known.selector != nil && known.selector.Matches(labels.Set(of))
}

// seldom is true at most once in a while.
type seldom struct {
	mu   sync.Mutex // guards last
	last time.Time
}

// lookUpAgain is the least time between two looks at all the kinds there are:
// the question is a long one.
const lookUpAgain = 10 * time.Second

func (s *seldom) due(now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.last); !s.last.IsZero() && age >= 0 && age < every {
		return false
	}
	s.last = now
	return true
}
