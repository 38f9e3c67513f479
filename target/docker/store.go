package docker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/filelock"
	"github.com/flyball-io/flyball/internal/replicas"
)

// store is what outlives the controller: <name>.docker.json, and
// <name>.docker.lock, which says that a controller looks after the target.
type store struct {
	dir, name string
	lockFile  *os.File
	written   []byte // what write wrote last
}

// state is the content of <name>.docker.json.
type state struct {
	// Owner is the mark of the target's containers: chosen once, and by
	// chance, so that two controllers that share an engine and not a disk are
	// never taken for one.
	Owner    string   `json:"owner"`
	Desired  int      `json:"desired"`
	Replicas []record `json:"replicas"`
	// Rollout is when the one that is under way began.
	Rollout  time.Time         `json:"rollout,omitzero"`
	Failures *replicas.Trouble `json:"failures,omitempty"`
}

// record is a replica as it was when the state was written. One without a
// container is about to be made: a controller that returns looks for its name
// before it makes another.
type record struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Container string `json:"container,omitempty"`
	Config    string `json:"config"`
	// Began is the engine's date of the start that this replica is.
	Began      time.Time `json:"began,omitzero"`
	Address    string    `json:"address,omitempty"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	ReadySince time.Time `json:"readySince,omitzero"`
	DeletedAt  time.Time `json:"deletedAt,omitzero"`
	Restarts   int       `json:"restarts,omitempty"`
}

func newStore(dir, name string) *store { return &store{dir: dir, name: name} }

func (s *store) path(ext string) string { return filepath.Join(s.dir, s.name+ext) }

func (s *store) held() bool { return s.lockFile != nil }

// lock takes the lock, or says who may have it.
func (s *store) lock() error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	file, err := os.OpenFile(s.path(".docker.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := filelock.Lock(file); err != nil {
		holder, _ := os.ReadFile(s.path(".docker.lock"))
		file.Close()
		if errors.Is(err, filelock.ErrLocked) {
			return fmt.Errorf("%w: %s is locked by process %s", ErrInUse, s.path(".docker.lock"), strings.TrimSpace(string(holder)))
		}
		return fmt.Errorf("lock %s: %w", s.path(".docker.lock"), err)
	}
	s.lockFile = file
	// Only for the message above: who cannot write it down has the lock all
	// the same.
	if file.Truncate(0) == nil {
		fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return nil
}

// unlock gives the lock back. The file stays: removing it would let two
// controllers lock two files of the same name.
func (s *store) unlock() {
	s.lockFile.Close()
	s.lockFile, s.written = nil, nil
}

// read returns what was written last; false when nothing was.
func (s *store) read() (state, bool, error) {
	var st state
	raw, err := os.ReadFile(s.path(".docker.json"))
	if errors.Is(err, os.ErrNotExist) {
		return st, false, nil
	}
	if err != nil {
		return st, false, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(raw, &st); err != nil {
		return state{}, false, fmt.Errorf("state %s is damaged (without it the containers with label %s=%s are nobody's): %w", s.path(".docker.json"), labelTarget, s.name, err)
	}
	st.Desired = max(0, st.Desired)
	return st, true, nil
}

// write replaces the state as a whole: after a crash at any moment either
// the old or the new one is there.
func (s *store) write(st state) error {
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if bytes.Equal(raw, s.written) {
		return nil
	}
	temporary := s.path(".docker.json.new")
	if err := writeSynced(temporary, raw); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := os.Rename(temporary, s.path(".docker.json")); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.written = raw
	return nil
}

func writeSynced(path string, data []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}
