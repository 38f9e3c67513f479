package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Names beside the record's file.
const (
	repairedSuffix = ".repaired" // complete, but not in its place yet
	damagedSuffix  = ".damaged-"
)

// keepDamaged is how many damaged files are kept.
const keepDamaged = 2

// finishRepair does what a repair could not do because the process ended.
func finishRepair(path string, now time.Time) error {
	_, err := os.Stat(path + repairedSuffix)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	_, err = putInPlace(path, now)
	return err
}

// putInPlace puts damaged files aside and the repaired one in their place. The
// log goes first: it must never meet a file that is not its own.
func putInPlace(path string, now time.Time) (aside string, err error) {
	aside = path + damagedSuffix + now.UTC().Format("20060102T150405.000")
	for _, suffix := range []string{"-wal", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.Rename(path+repairedSuffix, path); err != nil {
		return "", err
	}
	return aside, dropDamaged(path)
}

// dropDamaged removes all but the newest damaged files.
func dropDamaged(path string) error {
	// Names end in a time, so they sort by age. A path that is no pattern finds
	// nothing, and then nothing is removed.
	found, _ := filepath.Glob(path + damagedSuffix + "*")
	found = slices.DeleteFunc(found, func(name string) bool { return strings.HasSuffix(name, "-wal") })
	slices.Sort(found)
	for len(found) > keepDamaged {
		if err := removeDatabase(found[0]); err != nil {
			return err
		}
		found = found[1:]
	}
	return nil
}
