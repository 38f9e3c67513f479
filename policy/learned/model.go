package learned

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/neural/onnx"
)

// Model is what was learned, as one file:
//
//	"FLYBALL\n"  version  n      header    parameters         SHA-256 of
//	8 bytes      uint32   uint32 n bytes   float32 of the     all before,
//	                             of JSON   net's layers       32 bytes
//
// Numbers are little-endian. A file that was cut off, changed, or made by
// somebody else is refused before any of it is believed. A net that others
// trained is read from ONNX instead (foreign.go).
type Model struct {
	// Net reads an observation and writes a number for each action, of which the
	// largest that is allowed counts.
	Net     *neural.Net
	Actions Actions
	// Features are those that the agent met in training.
	Features Features
	Origin   Origin
}

// Features says what each number of an observation was like in training.
type Features struct {
	Mean  []float32 `json:"mean"`
	Std   []float32 `json:"std"` // standard deviation
	Least []float32 `json:"least"`
	Most  []float32 `json:"most"`
}

// Origin is where a model is from, for people.
type Origin struct {
	Algorithm   string             `json:"algorithm"` // "ppo", "a2c", "dqn", "clone"
	Description string             `json:"description,omitempty"`
	Base        string             `json:"base,omitempty"` // policy that it was trained on top of
	Seed        uint64             `json:"seed"`
	Steps       int                `json:"steps"`
	Config      json.RawMessage    `json:"config,omitempty"`
	Training    map[string]float64 `json:"training,omitempty"` // figures at its end
}

// ErrModel is returned for a file that is no model that can be used.
var ErrModel = errors.New("not a model of this program")

const (
	magic   = "FLYBALL\n"
	version = 1
	prefix  = len(magic) + 8
	// What a file may have at most: far above what decides counts.
	mostHeader     = 1 << 20
	mostParameters = (MostBytes - 2*mostHeader) / 4
)

// MostBytes is how long the file of a model may be.
const MostBytes = 64 << 20

// header is the part of a file that people can read.
type header struct {
	Schema int     `json:"schema"`
	Inputs int     `json:"inputs"`
	Layers []layer `json:"layers"`
	about
}

// about is what a net does not say itself, in whatever file it is.
type about struct {
	Actions  Actions  `json:"actions"`
	Features Features `json:"features"`
	Origin   Origin   `json:"origin"`
}

type layer struct {
	Outputs    int    `json:"outputs"`
	Activation string `json:"activation"`
}

// Bytes is the file. It refuses what [Read] would refuse.
func (m *Model) Bytes() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	h := header{Schema: Schema, Inputs: m.Net.Inputs(), about: about{m.Actions, m.Features, m.Origin}}
	for _, l := range m.Net.Layers() {
		h.Layers = append(h.Layers, layer{l.Outputs, l.Activation.String()})
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	data := append([]byte(magic), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(data[len(magic):], version)
	binary.LittleEndian.PutUint32(data[len(magic)+4:], uint32(len(text)))
	data = append(data, text...)
	for _, p := range m.Net.Parameters() {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(p))
	}
	sum := sha256.Sum256(data)
	return append(data, sum[:]...), nil
}

// Read reads a file: one of [Model.Bytes], or an ONNX file that says of itself
// what a model must. Whatever cannot be used is refused with [ErrModel] and the
// reason.
func Read(data []byte) (*Model, error) {
	m, err := read(data)
	if err == nil {
		err = m.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return m, nil
}

// Begins reports whether a file that begins so is meant to be a model: no text
// begins as either kind does.
func Begins(data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) || onnx.Begins(data) }

func read(data []byte) (*Model, error) {
	switch {
	case len(data) > MostBytes:
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", len(data), MostBytes)
	case bytes.HasPrefix(data, []byte(magic)):
		return readOwn(data)
	case onnx.Begins(data):
		return readForeign(data)
	}
	return nil, fmt.Errorf("it does not begin with %q, nor as an ONNX file does", magic)
}

// readOwn reads what [Model.Bytes] has written.
func readOwn(data []byte) (*Model, error) {
	text, parameters, err := open(data)
	if err != nil {
		return nil, err
	}
	var h header
	if err := decode(text, &h); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := sameSchema(h.Schema); err != nil {
		return nil, err
	}
	net, err := h.net(parameters)
	if err != nil {
		return nil, err
	}
	return &Model{Net: net, Actions: h.Actions, Features: h.Features, Origin: h.Origin}, nil
}

// decode reads one JSON object strictly.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more than one JSON object")
	}
	return nil
}

func sameSchema(schema int) error {
	if schema != Schema {
		return fmt.Errorf("it reads observations of schema %d, these are of schema %d: train it anew", schema, Schema)
	}
	return nil
}

// open takes the parts of a file apart.
func open(data []byte) (text, parameters []byte, err error) {
	if len(data) < prefix+sha256.Size {
		return nil, nil, fmt.Errorf("it was cut off after %d bytes", len(data))
	}
	if v := binary.LittleEndian.Uint32(data[len(magic):]); v != version {
		return nil, nil, fmt.Errorf("it is of version %d, this program reads version %d", v, version)
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if sha256.Sum256(body) != [sha256.Size]byte(sum) {
		return nil, nil, errors.New("its checksum does not fit: it was cut off or changed")
	}
	n := binary.LittleEndian.Uint32(data[len(magic)+4:])
	if n > mostHeader || int(n) > len(body)-prefix {
		return nil, nil, fmt.Errorf("its header is said to have %d bytes, of at most %d", n, min(mostHeader, len(body)-prefix))
	}
	return body[prefix : prefix+int(n)], body[prefix+int(n):], nil
}

// net makes the net of a header and its parameters. Memory is asked for once the
// file is known to be as long as its shape says.
func (h *header) net(parameters []byte) (*neural.Net, error) {
	layers, total, inputs := make([]neural.Layer, 0, min(len(h.Layers), neural.MaxLayers)), 0, h.Inputs
	if len(h.Layers) > neural.MaxLayers {
		return nil, fmt.Errorf("layers: at most %d, got %d", neural.MaxLayers, len(h.Layers))
	}
	for i, l := range h.Layers {
		a, err := activation(l.Activation)
		if err != nil {
			return nil, fmt.Errorf("layers[%d]: %w", i, err)
		}
		if inputs < 1 || inputs > neural.MaxWidth || l.Outputs < 1 || l.Outputs > neural.MaxWidth {
			return nil, fmt.Errorf("layers[%d]: %d inputs and %d outputs, 1 to %d are allowed", i, inputs, l.Outputs, neural.MaxWidth)
		}
		layers = append(layers, neural.Layer{Outputs: l.Outputs, Activation: a})
		total += (inputs + 1) * l.Outputs
		inputs = l.Outputs
	}
	if len(parameters) != 4*total {
		return nil, fmt.Errorf("its layers have %d parameters, %d bytes of them are there", total, len(parameters))
	}
	net, err := neural.New(h.Inputs, layers...)
	if err != nil {
		return nil, err
	}
	for i := range net.Parameters() {
		net.Parameters()[i] = math.Float32frombits(binary.LittleEndian.Uint32(parameters[4*i:]))
	}
	return net, nil
}

func activation(name string) (neural.Activation, error) {
	for a := neural.Identity; a <= neural.Sigmoid; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return 0, fmt.Errorf("unknown activation %q", name)
}

// validate reports why a model cannot be used.
func (m *Model) validate() error {
	if err := m.Actions.Validate(); err != nil {
		return err
	}
	if m.Net.Inputs() != Width || m.Net.Outputs() != len(m.Actions) {
		return fmt.Errorf("its net leads from %d numbers to %d, want from an observation of %d to %d actions", m.Net.Inputs(), m.Net.Outputs(), Width, len(m.Actions))
	}
	if n := len(m.Net.Parameters()); n > mostParameters {
		return fmt.Errorf("its net has %d parameters, at most %d are allowed", n, mostParameters)
	}
	for i, p := range m.Net.Parameters() {
		if !finite(p) {
			return fmt.Errorf("parameter %d is %v", i, p)
		}
	}
	f := &m.Features
	for _, list := range [][]float32{f.Mean, f.Std, f.Least, f.Most} {
		if len(list) != Width {
			return fmt.Errorf("features: %d numbers, want %d", len(list), Width)
		}
	}
	for i := range Width {
		if !finite(f.Mean[i]) || !finite(f.Least[i]) || !finite(f.Most[i]) || !(f.Std[i] >= 0) || !finite(f.Std[i]) || f.Least[i] > f.Most[i] {
			return fmt.Errorf("features: %s is from %v to %v, mean %v, deviation %v", names[i], f.Least[i], f.Most[i], f.Mean[i], f.Std[i])
		}
	}
	return nil
}

func finite(v float32) bool { return v-v == 0 }
