package training

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flyball-io/flyball/internal/atomicfile"
)

// checkpointMagic begins a checkpoint; the number is the version of what follows:
//
//	magic, gob of saved, SHA-256 of both
const checkpointMagic = "flyball-training-1\n"

// saved is a training that goes on later.
type saved struct {
	Config   []byte // JSON
	Seed     uint64
	Points   []Point
	Episodes int
	Best     []float32
	Verdict  Verdict
	Ended    bool
	Learner  []byte // its own checkpoint
}

// save writes the checkpoint of a session.
func (s *session) save(dir string) error {
	learner, err := s.learner.Checkpoint()
	if err != nil {
		return err
	}
	config, err := s.cfg.JSON()
	if err != nil {
		return err
	}
	b := bytes.NewBufferString(checkpointMagic)
	if err := gob.NewEncoder(b).Encode(saved{config, s.seed, s.points, s.episodes, s.best, s.verdict, s.ended, learner}); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	return atomicfile.Write(filepath.Join(dir, checkpointFile), b.Bytes(), 0o644)
}

// resume puts a session back where its checkpoint left it; false: there is none.
func (s *session) resume(dir string) (bool, error) {
	path := filepath.Join(dir, checkpointFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := s.take(data); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return true, nil
}

func (s *session) take(data []byte) error {
	if !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return errors.New("no checkpoint of this version of flyball train")
	}
	end := len(data) - sha256.Size
	if end < len(checkpointMagic) || sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return errors.New("was cut off or changed: its checksum does not fit")
	}
	var c saved
	if err := gob.NewDecoder(bytes.NewReader(data[len(checkpointMagic):end])).Decode(&c); err != nil {
		return err
	}
	config, err := s.cfg.JSON()
	if err != nil {
		return err
	}
	if !bytes.Equal(config, c.Config) || c.Seed != s.seed {
		return errors.New("is of another configuration or seed than config.yaml beside it")
	}
	if err := s.learner.Resume(c.Learner); err != nil {
		return err
	}
	s.points, s.episodes, s.best, s.verdict, s.ended = c.Points, c.Episodes, c.Best, c.Verdict, c.Ended
	return nil
}
