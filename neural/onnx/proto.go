package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/flyball-io/flyball/neural"
)

// graph is what of an ONNX file matters here.
type graph struct {
	nodes   []node
	made    map[string]int // which node makes a value
	tensors map[string]tensor
	inputs  map[string]int // numbers in a row of it; 0 if the file does not say
	outputs []string
	width   int // of the input that the path begins at
}

// node is an operation.
type node struct {
	op, name, domain string
	inputs, outputs  []string
	ints             map[string]int64
	floats           map[string]float32
	value            *tensor // of a Constant
}

// tensor is constant numbers. Those of a large one stay in the file until they
// are read.
type tensor struct {
	dims     []int
	turned   bool // data is stored transposed to dims
	kind     int64
	raw      []byte // little-endian
	float    []float32
	double   []float64
	external bool
}

// Values of TensorProto.DataType.
const (
	kindFloat  = 1
	kindDouble = 11
)

func (g *graph) isInput(name string) bool { _, ok := g.inputs[name]; return ok }

func (g *graph) producer(value string) (node, bool) {
	i, ok := g.made[value]
	if !ok {
		return node{}, false
	}
	return g.nodes[i], true
}

// field is one field of a message: bytes for length-delimited ones, else number.
type field struct {
	number protowire.Number
	bytes  []byte
	value  uint64
	kind   protowire.Type
}

var errWire = errors.New("this is no ONNX model, or it is cut off")

// fields calls each for the fields of a message, in their order.
func fields(message []byte, each func(f field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errWire
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			f.value = uint64(v)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(message)
		default:
			return errWire // groups are not used by ONNX
		}
		if n < 0 {
			return errWire
		}
		message = message[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// parseModel reads a ModelProto.
func parseModel(file []byte) (*graph, error) {
	g := &graph{made: map[string]int{}, tensors: map[string]tensor{}, inputs: map[string]int{}}
	err := fields(file, func(f field) error {
		if f.number == 7 && f.kind == protowire.BytesType { // graph
			return g.parse(f.bytes)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name := range g.tensors {
		delete(g.inputs, name) // older files list weights among the inputs
	}
	return g, nil
}

// parse reads a GraphProto.
func (g *graph) parse(message []byte) error {
	return fields(message, func(f field) error {
		if f.kind != protowire.BytesType {
			return nil
		}
		switch f.number {
		case 1: // node
			return g.addNode(f.bytes)
		case 5: // initializer
			name, t, err := parseTensor(f.bytes)
			g.tensors[name] = t
			return err
		case 11: // input
			name, width, err := parseValue(f.bytes)
			g.inputs[name] = width
			return err
		case 12: // output
			name, _, err := parseValue(f.bytes)
			g.outputs = append(g.outputs, name)
			return err
		}
		return nil
	})
}

func (g *graph) addNode(message []byte) error {
	n, err := parseNode(message)
	if err != nil {
		return err
	}
	if len(g.nodes) == maxNodes {
		return fmt.Errorf("more than %d nodes", maxNodes)
	}
	for _, output := range n.outputs {
		g.made[output] = len(g.nodes)
	}
	g.nodes = append(g.nodes, n)
	return nil
}

// parseNode reads a NodeProto.
func parseNode(message []byte) (node, error) {
	n := node{ints: map[string]int64{}, floats: map[string]float32{}}
	err := fields(message, func(f field) error {
		switch f.number {
		case 1:
			n.inputs = append(n.inputs, string(f.bytes))
		case 2:
			n.outputs = append(n.outputs, string(f.bytes))
		case 3:
			n.name = string(f.bytes)
		case 4:
			n.op = string(f.bytes)
		case 5:
			return n.attribute(f.bytes)
		case 7:
			n.domain = string(f.bytes)
		}
		return nil
	})
	return n, err
}

// attribute reads an AttributeProto.
func (n *node) attribute(message []byte) error {
	var name string
	return fields(message, func(f field) error {
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			n.floats[name] = math.Float32frombits(uint32(f.value))
		case 3:
			n.ints[name] = int64(f.value)
		case 5:
			_, t, err := parseTensor(f.bytes)
			n.value = &t
			return err
		}
		return nil
	})
}

// parseTensor reads a TensorProto.
func parseTensor(message []byte) (name string, t tensor, err error) {
	err = fields(message, func(f field) error {
		switch f.number {
		case 1:
			return t.dim(f)
		case 2:
			t.kind = int64(f.value)
		case 4:
			return t.floats(f)
		case 8:
			name = string(f.bytes)
		case 9:
			t.raw = f.bytes
		case 10:
			return t.doubles(f)
		case 13:
			t.external = true
		case 14:
			t.external = t.external || f.value == 1
		}
		return nil
	})
	return name, t, err
}

// dim reads dimensions, one by one or packed.
func (t *tensor) dim(f field) error {
	if f.kind == protowire.VarintType {
		return t.addDim(f.value)
	}
	for packed := f.bytes; len(packed) > 0; {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			return errWire
		}
		if err := t.addDim(v); err != nil {
			return err
		}
		packed = packed[n:]
	}
	return nil
}

func (t *tensor) addDim(v uint64) error {
	if v > neural.MaxParameters || len(t.dims) == 8 {
		return fmt.Errorf("a tensor of dimensions %v, %d …: too large", t.dims, v)
	}
	t.dims = append(t.dims, int(v))
	return nil
}

// floats reads float_data, one by one or packed.
func (t *tensor) floats(f field) error {
	if f.kind == protowire.Fixed32Type {
		t.float = append(t.float, math.Float32frombits(uint32(f.value)))
		return nil
	}
	if len(f.bytes)%4 != 0 {
		return errWire
	}
	for b := f.bytes; len(b) > 0; b = b[4:] {
		t.float = append(t.float, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return nil
}

// doubles reads double_data, one by one or packed.
func (t *tensor) doubles(f field) error {
	if f.kind == protowire.Fixed64Type {
		t.double = append(t.double, math.Float64frombits(f.value))
		return nil
	}
	if len(f.bytes)%8 != 0 {
		return errWire
	}
	for b := f.bytes; len(b) > 0; b = b[8:] {
		t.double = append(t.double, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}

// parseValue reads a ValueInfoProto: its name, and how many numbers a row of it
// has, all dimensions but the first multiplied; 0 where one is not fixed.
func parseValue(message []byte) (name string, width int, err error) {
	var dims []uint64
	err = fields(message, func(f field) error {
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			return within(f.bytes, []protowire.Number{1, 2, 1}, func(dim []byte) error {
				dims = append(dims, 0)
				return fields(dim, func(f field) error {
					if f.number == 1 { // dim_value
						dims[len(dims)-1] = f.value
					}
					return nil
				})
			})
		}
		return nil
	})
	if len(dims) < 2 {
		return name, 0, err
	}
	width = 1
	for _, d := range dims[1:] {
		if d == 0 || d > neural.MaxWidth || width > neural.MaxWidth {
			return name, 0, err
		}
		width *= int(d)
	}
	return name, width, err
}

// within calls each for the messages at the end of a way of field numbers:
// TypeProto.tensor_type.shape.dim.
func within(message []byte, way []protowire.Number, each func(message []byte) error) error {
	return fields(message, func(f field) error {
		switch {
		case f.number != way[0] || f.kind != protowire.BytesType:
			return nil
		case len(way) == 1:
			return each(f.bytes)
		}
		return within(f.bytes, way[1:], each)
	})
}

// numbers are the tensor's, row by row.
func (t tensor) numbers() ([]float32, error) {
	if t.external {
		return nil, errors.New("its weights are in a file of their own: export with external_data=False")
	}
	size := 1
	for _, d := range t.dims {
		if size *= d; size > neural.MaxParameters {
			return nil, fmt.Errorf("a tensor of dimensions %v: too large", t.dims)
		}
	}
	stored, err := t.stored()
	if err != nil {
		return nil, err
	}
	if len(stored) != size {
		return nil, fmt.Errorf("a tensor of dimensions %v has %d numbers", t.dims, len(stored))
	}
	if !t.turned {
		return stored, nil
	}
	rows, columns := t.dims[0], t.dims[1]
	out := make([]float32, size)
	for i := range rows {
		for j := range columns {
			out[i*columns+j] = stored[j*rows+i]
		}
	}
	return out, nil
}

// stored are the numbers in the order of the file.
func (t tensor) stored() (out []float32, err error) {
	switch {
	case t.kind == kindFloat && t.raw != nil && len(t.raw)%4 == 0:
		for b := t.raw; len(b) > 0; b = b[4:] {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case t.kind == kindDouble && t.raw != nil && len(t.raw)%8 == 0:
		for b := t.raw; len(b) > 0; b = b[8:] {
			out = append(out, float32(math.Float64frombits(binary.LittleEndian.Uint64(b))))
		}
	case t.kind == kindFloat && t.raw == nil:
		out = t.float
	case t.kind == kindDouble && t.raw == nil:
		for _, v := range t.double {
			out = append(out, float32(v))
		}
	default:
		return nil, fmt.Errorf("numbers of the data type %d; float (1) and double (11) can be read", t.kind)
	}
	return out, nil
}
