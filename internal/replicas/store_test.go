package replicas

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// note is a state.
type note struct {
	Desired int
	Last    time.Time
}

func TestStateSurvives(t *testing.T) {
	dir := t.TempDir()
	want := note{Desired: 3, Last: at(1).UTC()}
	if err := NewStore[note](dir, "web", "remove it to begin anew").Write(want); err != nil {
		t.Fatal(err)
	}
	got, found, err := NewStore[note](dir, "web", "remove it to begin anew").Read()
	if err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStateThatCannotBeReadIsAnError(t *testing.T) {
	s := NewStore[note](t.TempDir(), "web", "remove it to begin anew")
	if _, found, err := s.Read(); found || err != nil {
		t.Errorf("nothing written yet: found %v, %v", found, err)
	}
	if err := os.WriteFile(s.path+".json", []byte(`{"desired": 3`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read(); err == nil || !strings.Contains(err.Error(), s.path+".json") || !strings.Contains(err.Error(), "remove it to begin anew") {
		t.Errorf("damaged state: %v, want an error that names the file and says what to do", err)
	}
}

func TestFailedWriteKeepsTheOldState(t *testing.T) {
	s := NewStore[note](t.TempDir(), "web", "remove it to begin anew")
	if err := s.Write(note{Desired: 3}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path+".json.new", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(note{Desired: 4}); err == nil {
		t.Error("a write that cannot be done gave no error")
	}
	if st, _, err := s.Read(); err != nil || st.Desired != 3 {
		t.Errorf("after the failed write: %+v, %v", st, err)
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	dir := t.TempDir()
	first, second := NewStore[note](dir, "web", "remove it to begin anew"), NewStore[note](dir, "web", "ask your mother")
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	err := second.Lock()
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), first.path+".lock") ||
		!strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("second lock: %v, want ErrInUse naming the file and the process", err)
	}
	other := NewStore[note](dir, "api", "remove it to begin anew")
	if err := other.Lock(); err != nil {
		t.Fatalf("another target in the same directory: %v", err)
	}
	other.Unlock()
	first.Unlock()
	if err := second.Lock(); err != nil {
		t.Errorf("after the first gave it back: %v", err)
	}
	second.Unlock()
}
