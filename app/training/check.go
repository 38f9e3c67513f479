package training

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flyball-io/flyball/policy/learned"
)

// Check finds before anything is prepared, which takes minutes, what would be found
// afterwards: faults of the configuration, a training that is not finished, and
// checkpoints that nothing can go on from. Whether a checkpoint is of the same loads
// is known only when they are prepared.
func (job Job) Check() error {
	if err := job.Config.Validate(); err != nil {
		return err
	}
	if err := job.mayBegin(); err != nil || !job.Resume {
		return err
	}
	if err := job.lendAgain(); err != nil {
		return err
	}
	init, err := digestOf(job.From)
	if err != nil {
		return err
	}
	var errs []error
	for i := range job.Config.Seeds {
		seed := job.Config.Seed + uint64(i)
		errs = append(errs, job.checkSeed(seed, init))
	}
	return errors.Join(errs...)
}

// checkSeed checks the checkpoint of a seed, where there is one.
func (job Job) checkSeed(seed uint64, init []byte) error {
	path := filepath.Join(job.dirOf(seed), checkpointFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := opened(data)
	if err == nil {
		err = c.fits(job.Config, seed, init)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; nothing can go on from it: take it away, and its seed begins anew", path, err)
	}
	return nil
}

// fits reports what of a checkpoint is of another training. init is the SHA-256 of
// the model that this one begins with; nil: of none.
func (c *saved) fits(config Config, seed uint64, init []byte) error {
	text, err := config.JSON()
	switch {
	case err != nil:
		return err
	case !bytes.Equal(text, c.Config) || c.Seed != seed:
		return errors.New("is of another configuration or seed than config.yaml beside it")
	case !bytes.Equal(c.Identity.Init, init):
		return fmt.Errorf("was begun with another model than %s beside config.yaml", InitFile)
	}
	return nil
}

// digestOf is the SHA-256 of a model's file; nil: of none.
func digestOf(m *learned.Model) ([]byte, error) {
	if m == nil {
		return nil, nil
	}
	data, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return sum[:], nil
}
