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
const checkpointMagic = "flyball-training-2\n"

// identity is what a training depends on besides its configuration.
type identity struct {
	History bool   // windows of a recorded load are among what is trained on
	Loads   []byte // SHA-256 of all workloads, prepared
	Init    []byte // SHA-256 of the model it began with; empty: with none
}

// saved is a training that goes on later.
type saved struct {
	Identity identity
	Config   []byte // JSON
	Seed     uint64
	Points   []Point
	Episodes int
	Best     []float32
	Verdict  Verdict
	Ended    bool
	Failed   string // why the learner could not go on; empty: it could
	Learner  []byte // its own checkpoint
}

// save writes the checkpoint of a session.
func (s *session) save(dir string) error {
	var learner []byte
	var err error
	if s.failed == "" { // else nothing goes on from it
		if learner, err = s.learner.Checkpoint(); err != nil {
			return err
		}
	}
	config, err := s.cfg.JSON()
	if err != nil {
		return err
	}
	b := bytes.NewBufferString(checkpointMagic)
	if err := gob.NewEncoder(b).Encode(saved{s.identity, config, s.seed, s.points, s.episodes, s.best, s.verdict, s.ended, s.failed, learner}); err != nil {
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

// opened is what the bytes of a checkpoint hold.
func opened(data []byte) (c saved, err error) {
	if !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return c, errors.New("no checkpoint of this version of flyball train")
	}
	end := len(data) - sha256.Size
	if end < len(checkpointMagic) || sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return c, errors.New("was cut off or changed: its checksum does not fit")
	}
	err = gob.NewDecoder(bytes.NewReader(data[len(checkpointMagic):end])).Decode(&c)
	return c, err
}

func (s *session) take(data []byte) error {
	c, err := opened(data)
	if err != nil {
		return err
	}
	if err := c.fits(s.cfg, s.seed, s.Init); err != nil {
		return err
	}
	if c.Identity.History != s.History || !bytes.Equal(c.Identity.Loads, s.Loads) {
		return errors.New("was begun on other loads: of a history, the same part of the same record is needed, and the same document")
	}
	if c.Failed == "" {
		if err := s.learner.Resume(c.Learner); err != nil {
			return err
		}
	}
	s.points, s.episodes, s.best, s.verdict, s.ended, s.failed = c.Points, c.Episodes, c.Best, c.Verdict, c.Ended, c.Failed
	return nil
}
