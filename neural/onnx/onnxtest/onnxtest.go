// Package onnxtest writes nets as ONNX files, for tests of what reads them.
package onnxtest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/flyball-io/flyball/neural"
)

// File is a net as PyTorch's exporter writes one, a Gemm and an activation for
// each layer, from "observation" to "scores". Properties are what the file says
// of itself.
func File(net *neural.Net, properties map[string]string) []byte {
	var graph message
	from := "observation"
	graph = graph.bytes(11, message{}.text(1, from))
	for i, l := range net.Layers() {
		weights, biases := net.Weights(i)
		w, b, sum := fmt.Sprintf("%d.weight", i), fmt.Sprintf("%d.bias", i), fmt.Sprintf("%d.sum", i)
		graph = graph.bytes(5, tensor(w, weights, len(weights)/l.Outputs, l.Outputs)).bytes(5, tensor(b, biases, l.Outputs))
		graph = graph.bytes(1, node("Gemm", sum, from, w, b))
		from = sum
		if op := operators[l.Activation]; op != "" {
			from = fmt.Sprintf("%d.active", i)
			graph = graph.bytes(1, node(op, from, sum))
		}
	}
	graph = graph.bytes(1, node("Identity", "scores", from)).bytes(12, message{}.text(1, "scores"))
	file := message{}.int(1, 8).bytes(7, graph).bytes(8, message{}.int(2, 17))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		file = file.bytes(14, message{}.text(1, name).text(2, properties[name]))
	}
	return file
}

// operators are the activations that are one.
var operators = map[neural.Activation]string{neural.Tanh: "Tanh", neural.ReLU: "Relu", neural.Sigmoid: "Sigmoid"}

// node is a NodeProto.
func node(op, output string, inputs ...string) message {
	var m message
	for _, input := range inputs {
		m = m.text(1, input)
	}
	return m.text(2, output).text(3, op+" of "+output).text(4, op)
}

// tensor is a TensorProto of floats.
func tensor(name string, values []float32, dims ...int) message {
	var m message
	for _, d := range dims {
		m = m.int(1, int64(d))
	}
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return m.int(2, 1).text(8, name).bytes(9, raw)
}

// message is protobuf, field by field.
type message []byte

func (m message) bytes(number protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, number, protowire.BytesType), b)
}

func (m message) text(number protowire.Number, s string) message { return m.bytes(number, []byte(s)) }

func (m message) int(number protowire.Number, v int64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, number, protowire.VarintType), uint64(v))
}
