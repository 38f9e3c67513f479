package learned

import (
	"fmt"

	"github.com/flyball-io/flyball/neural/onnx"
)

// Property is what an ONNX file says of itself so that it is a model: the name of
// one of its properties (metadata_props), a JSON object with schema, actions,
// features and origin as in the header of a file of [Model.Bytes]. The net is the
// path from the input to the first output.
const Property = "flyball"

// mostProperty bounds it, so that as a header of our own it is short enough too.
const mostProperty = 64 << 10

type property struct {
	Schema int `json:"schema"`
	about
}

// readForeign reads an ONNX file. It has no checksum: what was changed and is
// still a net is not noticed.
func readForeign(data []byte) (*Model, error) {
	said, err := onnx.Metadata(data)
	if err != nil {
		return nil, err
	}
	text, ok := said[Property]
	switch {
	case !ok:
		return nil, fmt.Errorf("it is an ONNX file without the property %q, which must state schema, actions, features and origin (examples/gym/train_sb3.py writes it)", Property)
	case len(text) > mostProperty:
		return nil, fmt.Errorf("property %q: it has %d bytes, at most %d are read", Property, len(text), mostProperty)
	}
	var p property
	if err := decode([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("property %q: %w", Property, err)
	}
	if err := sameSchema(p.Schema); err != nil {
		return nil, err
	}
	net, err := onnx.Read(data, "")
	if err != nil {
		return nil, err
	}
	return &Model{Net: net, Actions: p.Actions, Features: p.Features, Origin: p.Origin}, nil
}
