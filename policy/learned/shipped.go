package learned

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// DefaultModel is the model of a configuration that names none.
const DefaultModel = "general"

const (
	shippedFolder = "models"
	extension     = ".flyball"
)

// shipped are the models in the program. How each was trained, to the same bytes,
// says docs/learning.md.
//
//go:embed models/*.flyball
var shipped embed.FS

// Shipped are the names of the models in the program, sorted.
func Shipped() []string {
	entries, err := shipped.ReadDir(shippedFolder)
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), extension))
	}
	slices.Sort(names)
	return names
}

// Find returns the file of a model: that of the program with this name, else what
// open finds under it. A model that ships cannot be hidden by a file of its name.
func Find(name string, open func(name string) ([]byte, error)) ([]byte, error) {
	if slices.Contains(Shipped(), name) {
		return shipped.ReadFile(shippedFolder + "/" + name + extension)
	}
	data, err := open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; the models in the program are: %s", err, strings.Join(Shipped(), ", "))
	}
	return data, err
}
