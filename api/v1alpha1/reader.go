package v1alpha1

import (
	"errors"

	"github.com/flyball-io/flyball/internal/strict"
)

// Reader reads documents that come one by one and from elsewhere than files,
// such as the objects of a cluster. It makes the schema once.
type Reader struct {
	loader Loader
	schema *strict.Schema
}

// NewReader returns a reader of documents that may name the plug-ins.
func NewReader(plugins Plugins) (*Reader, error) {
	schema, err := compile(plugins)
	if err != nil {
		return nil, err
	}
	return &Reader{loader: Loader{Plugins: plugins}, schema: schema}, nil
}

// Read reads one document, which faults call by a name. Variables are nobody's
// there: ${NAME:-default} is the default. The error is [Faults] when the
// document is wrong.
func (r *Reader) Read(name string, data []byte) (Document, error) {
	trees, faults := strict.Parse(name, data, func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		return Document{}, err
	}
	if len(trees) != 1 {
		return Document{}, errors.New(name + ": must be one document")
	}
	d := r.loader.document(r.schema, trees[0])
	return d, trees[0].Faults().Err()
}
