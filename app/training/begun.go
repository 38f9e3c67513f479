package training

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/rl/scaling"
)

// Begun is what a folder knows of a training that was begun in it.
type Begun struct {
	// Unfinished is a checkpoint that a training goes on from; empty: there is none.
	Unfinished string
	// History says that it learns from a history.
	History bool
}

// ReadBegun looks into a folder. Checkpoints that nothing can go on from, since they
// are damaged or of another version, count for nothing.
func ReadBegun(dir string) (Begun, error) {
	var b Begun
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return b, err
	}
	files := []string{filepath.Join(dir, checkpointFile)}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "seed-") {
			files = append(files, filepath.Join(dir, e.Name(), checkpointFile))
		}
	}
	ended := map[string]int{} // by configuration
	last := map[string]string{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return b, err
		}
		c, broken := opened(data)
		if err != nil || broken != nil {
			continue
		}
		b.History = b.History || c.Identity.History
		if !c.Ended {
			b.Unfinished = path
		}
		ended[string(c.Config)]++
		last[string(c.Config)] = path
	}
	for config, n := range ended {
		var c struct{ Seeds int }
		if json.Unmarshal([]byte(config), &c) == nil && n < c.Seeds && b.Unfinished == "" {
			b.Unfinished = last[config] // of seeds after it nothing was kept yet
		}
	}
	return b, nil
}

// lend finds the model to begin with. A training keeps it beside its configuration:
// seeds that were not reached yet begin with it after a resume.
func (job *Job) lend() error {
	path := filepath.Join(job.Dir, InitFile)
	if job.Resume {
		var err error
		if job.From, err = ReadModel(path); errors.Is(err, os.ErrNotExist) {
			job.From, err = nil, nil
		}
		return err
	}
	if job.From != nil {
		return WriteModel(path, job.From)
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// identity is what the training depends on besides its configuration.
func (job *Job) identity() (id identity, err error) {
	loads, err := scaling.Digest(slices.Concat(job.Ground.Train, job.Ground.Judge))
	if err != nil {
		return id, err
	}
	id = identity{History: job.Ground.history, Loads: loads[:]}
	if job.From != nil {
		data, err := job.From.Bytes()
		if err != nil {
			return id, err
		}
		sum := sha256.Sum256(data)
		id.Init = sum[:]
	}
	return id, nil
}
