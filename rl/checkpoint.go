package rl

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/neural"
)

// checkpointMagic begins every checkpoint; the number is the version of what follows.
const checkpointMagic = "flyball-rl-checkpoint-1\n"

// ErrCheckpoint is what a checkpoint is refused with that is damaged, or of
// another algorithm, configuration or environment.
var ErrCheckpoint = errors.New("checkpoint")

// checkpoint is the session and what the algorithm adds:
//
//	magic, gob of checkpoint, SHA-256 of both
type checkpoint struct {
	Algorithm string
	Config    []byte // JSON
	Sizes     sizes

	Steps, Updates int
	Random         []byte
	Episodes       episodes
	Observations   []float32
	Allowed        []bool
	Environment    []byte // of a Resumable; else empty

	Own []byte // gob of the algorithm's state
}

// save is a checkpoint of the session and own.
func (s *session) save(algorithm string, config, own any) ([]byte, error) {
	c := checkpoint{
		Algorithm: algorithm, Sizes: s.sizes, Steps: s.steps, Updates: s.updates, Episodes: s.episodes,
		Observations: s.step.Observations, Allowed: s.step.Allowed, Environment: s.resumed,
	}
	var err, errOwn, errRandom, errEnvironment error
	c.Config, err = json.Marshal(config)
	c.Own, errOwn = encode(own)
	c.Random, errRandom = s.source.MarshalBinary()
	if env, ok := s.env.(Resumable); ok {
		c.Environment, errEnvironment = env.Snapshot()
	}
	body, errBody := encode(c)
	if err := errors.Join(err, errOwn, errRandom, errEnvironment, errBody); err != nil {
		return nil, fmt.Errorf("checkpoint of %s: %w", algorithm, err)
	}
	out := append([]byte(checkpointMagic), body...)
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func decode(b []byte, v any) error { return gob.NewDecoder(bytes.NewReader(b)).Decode(v) }

// load reads a checkpoint of the algorithm: its state into own, which take then
// puts where it belongs. Nothing is changed if anything is refused.
func (s *session) load(data []byte, algorithm string, config, own any, take func() error) error {
	c, err := open(data)
	if err == nil {
		err = c.fits(algorithm, config, s.sizes)
	}
	if err == nil {
		err = decode(c.Own, own)
	}
	if err == nil {
		err = take()
	}
	if err != nil {
		return fmt.Errorf("resume %s: %w: %w", algorithm, ErrCheckpoint, err)
	}
	s.steps, s.updates, s.episodes = c.Steps, c.Updates, c.Episodes
	copy(s.step.Observations, c.Observations)
	copy(s.step.Allowed, c.Allowed)
	s.env, s.resumed = nil, c.Environment
	return s.source.UnmarshalBinary(c.Random)
}

// open checks that the bytes are a whole checkpoint.
func open(data []byte) (c checkpoint, err error) {
	if !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return c, errors.New("not a checkpoint of this version")
	}
	end := len(data) - sha256.Size
	if end < len(checkpointMagic) || sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return c, errors.New("truncated or damaged: its checksum differs")
	}
	return c, decode(data[len(checkpointMagic):end], &c)
}

// fits refuses what is of another learner.
func (c checkpoint) fits(algorithm string, config any, of sizes) error {
	want, err := json.Marshal(config)
	switch {
	case err != nil:
		return err
	case c.Algorithm != algorithm:
		return fmt.Errorf("it is of %s", c.Algorithm)
	case c.Sizes != of:
		return fmt.Errorf("it is for an environment of %+v, this one is %+v", c.Sizes, of)
	case !bytes.Equal(c.Config, want):
		return fmt.Errorf("it is of the configuration %s, this one is %s", c.Config, want)
	case len(c.Observations) != of.Copies*of.Width || len(c.Allowed) != of.Copies*of.Actions ||
		len(c.Episodes.Returns) != of.Copies || len(c.Episodes.Lengths) != of.Copies || len(c.Random) == 0:
		return errors.New("it is incomplete")
	}
	return nil
}

// into says where saved numbers belong.
type into struct{ to, from []float32 }

// restore copies all of them, or none if one is of another length or not finite.
func restore(all ...into) error {
	for _, v := range all {
		if len(v.to) != len(v.from) {
			return fmt.Errorf("%d numbers where %d belong", len(v.from), len(v.to))
		}
		if !neural.Finite(v.from) {
			return errors.New("a number of it is not finite")
		}
	}
	for _, v := range all {
		copy(v.to, v.from)
	}
	return nil
}
