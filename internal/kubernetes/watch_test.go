package kubernetes

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// broken is an API server whose watches can be broken.
type broken struct {
	mu      sync.Mutex // guards what follows
	watches []*watch.FakeWatcher
	lists   int
	down    bool
}

func (b *broken) goes(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *broken) cluster() *Cluster {
	client := fake.NewClientset(&core.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", Labels: map[string]string{"app": "web"}}})
	client.PrependWatchReactor("pods", func(clienttesting.Action) (bool, watch.Interface, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.down {
			return true, nil, syscall.ECONNREFUSED
		}
		w := watch.NewFake()
		b.watches = append(b.watches, w)
		return true, w, nil
	})
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lists++
		return false, nil, nil
	})
	return &Cluster{typed: client}
}

// newest is the watch that is open now.
func (b *broken) newest() *watch.FakeWatcher {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watches[len(b.watches)-1]
}

func (b *broken) counts() (watches, lists int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.watches), b.lists
}

// What was told is believed while the API server tells of changes, all users
// share one watch, and it ends with the last of them.
func TestAMirrorIsBelievedWhileItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &broken{}
		c := api.cluster()
		var told, other atomic.Int64
		mine := &listener{tell: func() { told.Add(1) }, concerns: func(p metav1.Object) bool { return p.GetName() == "b" }}
		leave := c.hear(podsResource, "shop", mine)
		leaveToo := c.hear(podsResource, "shop", &listener{tell: func() { other.Add(1) }, concerns: func(metav1.Object) bool { return false }})
		time.Sleep(time.Second)
		if watches, lists := api.counts(); watches != 1 || lists != 1 {
			t.Errorf("two users: %d watches and %d lists, want one of each", watches, lists)
		}
		names := func() int {
			all, believed := c.told(podsResource, "shop")
			if !believed {
				return -1
			}
			return len(all.List())
		}
		if n := names(); n != 1 {
			t.Errorf("got %d pods, want one that is believed", n)
		}
		told.Store(0)
		other.Store(0)
		api.newest().Add(&core.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b", ResourceVersion: "7"}})
		api.newest().Add(&core.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c", ResourceVersion: "8"}})
		time.Sleep(time.Second)
		if names() != 3 || told.Load() != 1 || other.Load() != 0 {
			t.Errorf("got %d pods, told %d and %d times, want 3, 1 and 0", names(), told.Load(), other.Load())
		}
		api.goes(true)
		api.newest().Stop()
		for range 60 {
			if time.Sleep(time.Second); names() != -1 {
				t.Fatal("the watch has ended, and what it told is believed")
			}
		}
		api.goes(false)
		time.Sleep(8 * time.Second) // the longest wait is 5 s, and half of that
		if n := names(); n < 1 {
			t.Errorf("the next watch has begun, and got %d", n)
		}
		leave()
		if n := names(); n < 1 {
			t.Error("it has ended although somebody uses it")
		}
		leaveToo()
		if n := names(); n != -1 || len(c.mirrors.all) != 0 {
			t.Error("it goes on although nobody uses it")
		}
	})
}

// Whoever has targets everywhere has one watch for all of them, and each target
// sees what is in its namespace.
func TestOneWatchForAllNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &broken{}
		c := api.cluster()
		c.WatchAllNamespaces()
		for _, namespace := range []string{"shop", "bank"} {
			defer c.hear(podsResource, namespace, &listener{tell: func() {}, concerns: func(metav1.Object) bool { return true }})()
		}
		time.Sleep(time.Second)
		if watches, _ := api.counts(); watches != 1 {
			t.Errorf("got %d watches for two namespaces", watches)
		}
		for namespace, want := range map[string]int{"shop": 1, "bank": 0} {
			told, believed := c.told(podsResource, namespace)
			if !believed {
				t.Fatalf("%s: nothing is believed", namespace)
			}
			if found, err := pick(told, namespace, labels.SelectorFromSet(labels.Set{"app": "web"})); err != nil || len(found) != want {
				t.Errorf("%s: got %d pods, %v, want %d", namespace, len(found), err, want)
			}
		}
	})
}
