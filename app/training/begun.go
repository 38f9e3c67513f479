package training

import (
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
	// Kept says that there is a checkpoint to go on from, of a training that is not
	// finished or of one that is: then nothing is trained again, and all that it comes
	// to is written again.
	Kept bool
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
		b.Kept, b.History = true, b.History || c.Identity.History
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
	if job.Resume {
		return job.lendAgain()
	}
	path := filepath.Join(job.Dir, InitFile)
	if job.From != nil {
		return WriteModel(path, job.From)
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// lendAgain finds the model that a training to go on with was begun with.
func (job *Job) lendAgain() error {
	m, err := ReadModel(filepath.Join(job.Dir, InitFile))
	if errors.Is(err, os.ErrNotExist) {
		job.From = nil
		return nil
	}
	job.From = m
	return err
}

// identity is what the training depends on besides its configuration.
func (job *Job) identity() (id identity, err error) {
	loads, err := scaling.Digest(slices.Concat(job.Ground.Train, job.Ground.Judge))
	if err != nil {
		return id, err
	}
	id = identity{History: job.Ground.history, Loads: loads[:]}
	id.Init, err = digestOf(job.From)
	return id, err
}
