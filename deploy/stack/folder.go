package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/atomicfile"
)

// materialFile keeps what was made once.
const materialFile = ".material.json"

// variablesFile is the file that Compose reads secrets from.
const variablesFile = ".env"

// Keep returns the material of a folder; where there is none yet it is made.
// Certificates that are given replace those of the folder; one that was made
// here is made anew when it ends soon.
func Keep(dir string, o Options, certificate, key []byte, now time.Time) (Material, error) {
	fresh, err := NewMaterial(o, now)
	if err != nil {
		return Material{}, err
	}
	m, err := kept(filepath.Join(dir, materialFile), fresh)
	if err != nil {
		return Material{}, err
	}
	switch {
	case !o.encrypted():
		m.Certificate, m.Key, m.Made = nil, nil, false
	case len(certificate)+len(key) > 0:
		m.Certificate, m.Key, m.Made = certificate, key, false
	case !m.given(), m.Made && !o.makesCertificate(), m.Made && m.outlived(o.hosts(), now):
		m.Certificate, m.Key, m.Made = fresh.Certificate, fresh.Key, fresh.Made
	}
	return m, nil
}

// kept is what a file holds, and what is fresh where there is none.
func kept(path string, fresh Material) (Material, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return Material{}, err
	}
	m := fresh
	m.Certificate, m.Key, m.Made = nil, nil, false
	if err := json.Unmarshal(data, &m); err != nil {
		return Material{}, fmt.Errorf("read %s: %w", path, err)
	}
	return m, nil
}

// Write puts a stack into a folder that only its owner may enter: inside,
// files are open to the users of containers, whom the host does not know.
func Write(dir string, files []File, m Material) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	// A full disk must not cost the passwords that the volumes were begun with.
	if err := atomicfile.Write(filepath.Join(dir, materialFile), data, 0o600); err != nil {
		return fmt.Errorf("keep the secrets: %w", err)
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(dir, f.Path), f.Data, f.mode()); err != nil {
			return err
		}
	}
	return nil
}

// mode is that of a file: who has the variablesFile has them from Compose.
func (f File) mode() os.FileMode {
	if f.Path == variablesFile {
		return 0o600
	}
	return 0o644
}

func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// A container may have the file open: it is written in place, as a new one
	// would not be seen through the mount.
	return os.WriteFile(path, data, mode)
}

// Remove takes away what Write wrote, and folders that are empty then. Files
// of others stay.
func Remove(dir string, files []File) error {
	paths := []string{materialFile}
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	folders := map[string]bool{dir: true}
	for _, path := range paths {
		full := filepath.Join(dir, path)
		if err := os.Remove(full); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		folders[filepath.Dir(full)] = true
	}
	inner := func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") }
	var all []string
	for folder := range folders {
		all = append(all, folder)
	}
	slices.SortFunc(all, inner)
	for _, folder := range all {
		_ = os.Remove(folder) // it stays where somebody keeps something in it
	}
	return nil
}
