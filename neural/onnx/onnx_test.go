package onnx_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/neural/onnx"
)

// message writes protobuf by hand, field by field.
type message []byte

func (m message) bytes(number protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, number, protowire.BytesType), b)
}

func (m message) text(number protowire.Number, s string) message { return m.bytes(number, []byte(s)) }

func (m message) int(number protowire.Number, v int64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, number, protowire.VarintType), uint64(v))
}

func (m message) float(number protowire.Number, v float32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, number, protowire.Fixed32Type), math.Float32bits(v))
}

// constant is a TensorProto of floats in raw_data.
func constant(name string, dims []int64, values ...float32) message {
	m := message{}.int(2, 1).text(8, name)
	for _, d := range dims {
		m = m.int(1, d)
	}
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return m.bytes(9, raw)
}

// operation is a NodeProto from inputs (separated by blanks) to one output.
func operation(op, inputs, output string, attributes ...message) message {
	m := message{}.text(3, output+"_node").text(2, output).text(4, op)
	for _, input := range strings.Fields(inputs) {
		m = m.text(1, input)
	}
	for _, a := range attributes {
		m = m.bytes(5, a)
	}
	return m
}

func intAttribute(name string, v int64) message { return message{}.text(1, name).int(3, v) }

func floatAttribute(name string, v float32) message { return message{}.text(1, name).float(2, v) }

// value is a ValueInfoProto; a dimension of 0 has a name only.
func value(name string, dims ...int64) message {
	shape := message{}
	for _, d := range dims {
		dim := message{}.text(2, "n")
		if d > 0 {
			dim = message{}.int(1, d)
		}
		shape = shape.bytes(1, dim)
	}
	return message{}.text(1, name).bytes(2, message{}.bytes(1, message{}.int(1, 1).bytes(2, shape)))
}

// model is a ModelProto from "x" of three numbers to the named outputs.
func model(outputs string, parts ...message) []byte {
	graph := message{}.bytes(11, value("x", 0, 3))
	for _, p := range parts {
		// Tensors begin with their data type, nodes with their name.
		if number, _, _ := protowire.ConsumeTag(p); number == 2 {
			graph = graph.bytes(5, p)
		} else {
			graph = graph.bytes(1, p)
		}
	}
	for _, o := range strings.Fields(outputs) {
		graph = graph.bytes(12, value(o, 0, 2))
	}
	return message{}.int(1, 8).bytes(7, graph).bytes(8, message{}.int(2, 17))
}

var (
	matrix = constant("w", []int64{3, 2}, 1, 2, 3, 4, 5, 6)
	turned = constant("wt", []int64{2, 3}, 1, 3, 5, 2, 4, 6)
	pair   = constant("b", []int64{2}, 10, 20)
	triple = constant("c", []int64{1, 3}, 2, 4, 5)
	one    = constant("one", nil, 1)
)

// What each operation makes of (1, 2, 3); with w it is (22, 28).
func TestOperations(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for _, tc := range []struct {
		name  string
		parts []message
		want  []float64
	}{
		{"MatMul", []message{matrix, operation("MatMul", "x w", "y")}, []float64{22, 28}},
		{"Gemm", []message{matrix, pair, operation("Gemm", "x w b", "y")}, []float64{32, 48}},
		{"Gemm, transB", []message{turned, pair, operation("Gemm", "x wt b", "y", intAttribute("transB", 1))}, []float64{32, 48}},
		{"Gemm, factors", []message{matrix, pair, operation("Gemm", "x w b", "y", floatAttribute("alpha", 0.5), floatAttribute("beta", 2))}, []float64{31, 54}},
		{"Gemm without biases", []message{matrix, operation("Gemm", "x w", "y")}, []float64{22, 28}},
		{"a transposed constant", []message{turned, operation("Transpose", "wt", "w"), operation("MatMul", "x w", "y")}, []float64{22, 28}},
		{"constants by nodes", []message{operation("Constant", "", "k", message{}.text(1, "value").bytes(5, matrix)), operation("Identity", "k", "w"),
			operation("MatMul", "x w", "y")}, []float64{22, 28}},
		{"biases behind", []message{matrix, pair, operation("MatMul", "x w", "m"), operation("Add", "b m", "y")}, []float64{32, 48}},
		{"scaled input", []message{matrix, triple, operation("Mul", "x c", "m"), operation("MatMul", "m w", "y")}, []float64{2 + 24 + 75, 4 + 32 + 90}},
		{"normalised input", []message{matrix, triple, one, operation("Sub", "x one", "s"), operation("Div", "s c", "m"), operation("MatMul", "m w", "y")},
			[]float64{0.25*3 + 0.4*5, 0.25*4 + 0.4*6}},
		{"from a constant", []message{matrix, pair, operation("MatMul", "x w", "m"), operation("Sub", "b m", "y")}, []float64{-12, -8}},
		{"scaled output", []message{matrix, pair, operation("MatMul", "x w", "m"), operation("Div", "m b", "y")}, []float64{2.2, 1.4}},
		{"Relu", []message{matrix, pair, operation("MatMul", "x w", "m"), operation("Sub", "b m", "s"), operation("Relu", "s", "y")}, []float64{0, 0}},
		{"Tanh of the input", []message{matrix, operation("Tanh", "x", "m"), operation("MatMul", "m w", "y")},
			[]float64{math.Tanh(1) + 3*math.Tanh(2) + 5*math.Tanh(3), 2*math.Tanh(1) + 4*math.Tanh(2) + 6*math.Tanh(3)}},
		{"one after the other", []message{matrix, triple, operation("Sub", "x c", "s"), operation("Tanh", "s", "h"), operation("Sigmoid", "h", "g"), operation("MatMul", "g w", "y")},
			[]float64{sigmoid(math.Tanh(-1)) + 3*sigmoid(math.Tanh(-2)) + 5*sigmoid(math.Tanh(-2)), 2*sigmoid(math.Tanh(-1)) + 4*sigmoid(math.Tanh(-2)) + 6*sigmoid(math.Tanh(-2))}},
		{"scaled after an activation", []message{matrix, pair, one, operation("MatMul", "x w", "m"), operation("Relu", "m", "r"), operation("Add", "r one", "a"), operation("Mul", "a b", "y")},
			[]float64{230, 580}},
		{"what changes nothing", []message{matrix, operation("Flatten", "x", "f", intAttribute("axis", 1)), operation("Cast", "f", "g", intAttribute("to", 1)),
			operation("Dropout", "g", "h"), operation("Identity", "h", "i"), operation("MatMul", "i w", "y")}, []float64{22, 28}},
		{"logits of a Softmax", []message{matrix, operation("MatMul", "x w", "m"), operation("Softmax", "m", "s"), operation("ArgMax", "s", "y")}, []float64{22, 28}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			net, err := onnx.Read(model("y", tc.parts...), "")
			if err != nil {
				t.Fatal(err)
			}
			check(t, net, []float32{1, 2, 3}, tc.want, 1e-5)
		})
	}
}

func check(t *testing.T, net *neural.Net, x []float32, want []float64, tolerance float64) {
	t.Helper()
	got := make([]float32, len(want))
	net.NewInference().Infer(x, got)
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > tolerance*(1+math.Abs(want[i])) {
			t.Errorf("got %v, want %v", got, want)
			return
		}
	}
}

// PyTorch's own file and its own numbers: inputs made of mean 0 and deviation 1,
// a policy that ends in softmax, and a value beside it.
func TestAModelOfPyTorch(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "torch.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(filepath.Join("testdata", "torch.json"))
	if err != nil {
		t.Fatal(err)
	}
	var of struct {
		X             []float32
		Logits, Value []float64
	}
	if err := json.Unmarshal(said, &of); err != nil {
		t.Fatal(err)
	}
	for output, want := range map[string][]float64{"": of.Logits, "actions": of.Logits, "value": of.Value} {
		net, err := onnx.Read(file, output)
		if err != nil {
			t.Fatal(err)
		}
		check(t, net, of.X, want, 1e-6)
	}
}

func TestWhatIsNoPerceptronIsRefused(t *testing.T) {
	good := model("y", matrix, operation("MatMul", "x w", "y"))
	nan := constant("w", []int64{3, 2}, 1, 2, float32(math.NaN()), 4, 5, 6)
	external := message{}.int(2, 1).text(8, "w").int(1, 3).int(1, 2).int(14, 1)
	half := message{}.int(2, 10).text(8, "w").int(1, 3).int(1, 2).bytes(9, make([]byte, 12))
	for _, tc := range []struct {
		name, output, want string
		file               []byte
	}{
		{"empty", "", "no output: this is no ONNX model", nil},
		{"foreign", "", "this is no ONNX model, or it is cut off", []byte("\x89PNG\r\n\x1a\n")},
		{"cut off", "", "this is no ONNX model, or it is cut off", good[:len(good)-20]},
		{"another output", "z", `no output "z"; there are y`, good},
		{"unknown operation", "", `Conv "y_node": cannot be read; Gemm`, model("y", matrix, operation("Conv", "x w", "y"))},
		{"two ways", "", `Add "y_node": joins "x" and "m"`, model("y", constant("w", []int64{3, 3}, make([]float32, 9)...), operation("MatMul", "x w", "m"), operation("Add", "x m", "y"))},
		{"a circle", "", "leads in a circle", model("y", operation("Tanh", "z", "y"), operation("Tanh", "y", "z"))},
		{"nothing", "", "neither an input nor made", model("y", operation("Tanh", "q", "y"))},
		{"a constant", "", "depends on no input", model("y", matrix, operation("Tanh", "w", "y"))},
		{"the input itself", "", "no layer between", model("x")},
		{"other width", "", "takes rows of 2 numbers, but they have 3", model("y", turned, operation("MatMul", "x wt", "y"))},
		{"biases of another width", "", `"c" has 3 numbers, want 2`, model("y", matrix, triple, operation("Gemm", "x w c", "y"))},
		{"three dimensions", "", "dimensions [3 2 1], want two", model("y", constant("w", []int64{3, 2, 1}, 1, 2, 3, 4, 5, 6), operation("MatMul", "x w", "y"))},
		{"fewer numbers", "", "dimensions [3 9] has 6 numbers", model("y", constant("w", []int64{3, 9}, 1, 2, 3, 4, 5, 6), operation("MatMul", "x w", "y"))},
		{"dimensions beyond measure", "", "too large", model("y", constant("w", []int64{1 << 40, 2}, 1), operation("MatMul", "x w", "y"))},
		{"product beyond measure", "", "too large", model("y", constant("w", []int64{1 << 20, 1 << 20}, 1), operation("MatMul", "x w", "y"))},
		{"negative dimension", "", "too large", model("y", constant("w", []int64{-1, 2}, 1), operation("MatMul", "x w", "y"))},
		{"not finite", "", "a weight is not finite", model("y", nan, operation("MatMul", "x w", "y"))},
		{"weights beside the file", "", "external_data=False", model("y", external, operation("MatMul", "x w", "y"))},
		{"half precision", "", "data type 10", model("y", half, operation("MatMul", "x w", "y"))},
		{"transA", "", "transA", model("y", matrix, operation("Gemm", "x w", "y", intAttribute("transA", 1)))},
		{"weights first", "", "first input is a constant", model("y", matrix, operation("MatMul", "w x", "y"))},
		{"after the end", "", "Tanh \"y_node\": comes after Softmax", model("y", matrix, operation("MatMul", "x w", "m"), operation("Softmax", "m", "s"), operation("Tanh", "s", "y"))},
		{"flattened rows", "", "axis 0", model("y", matrix, operation("Flatten", "x", "f", intAttribute("axis", 0)), operation("MatMul", "f w", "y"))},
		{"whole numbers", "", "to the data type 7", model("y", matrix, operation("Cast", "x", "f", intAttribute("to", 7)), operation("MatMul", "f w", "y"))},
		{"another domain", "", `domain "com.example"`, model("y", matrix, operation("MatMul", "x w", "y").text(7, "com.example"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := onnx.Read(tc.file, tc.output); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// A perceptron that is read again and again from one tensor is still bounded.
func TestOneTensorInManyLayersIsBounded(t *testing.T) {
	parts := []message{constant("w", []int64{3, 3}, make([]float32, 9)...)}
	from := "x"
	for range neural.MaxLayers + 1 {
		parts = append(parts, operation("MatMul", from+" w", from+"'"))
		from += "'"
	}
	if _, err := onnx.Read(model(from, parts...), ""); err == nil || !strings.Contains(err.Error(), "more than 64 layers") {
		t.Errorf("%v, want more than 64 layers refused", err)
	}
}

// What a file says of itself, as onnx.helper.set_model_props writes it.
func TestWhatAFileSaysOfItself(t *testing.T) {
	property := func(key, value string) message { return message{}.text(1, key).text(2, value) }
	file := message(model("y")).bytes(14, property("flyball", "old")).bytes(14, property("other", "")).bytes(14, property("flyball", `{"schema":1}`))
	got, err := onnx.Metadata(file)
	if err != nil || len(got) != 2 || got["flyball"] != `{"schema":1}` {
		t.Errorf("got %v, %v, want both, of flyball the last", got, err)
	}
	if got, err := onnx.Metadata(model("y")); err != nil || len(got) != 0 {
		t.Errorf("of a file that says nothing: %v, %v", got, err)
	}
	for name, file := range map[string][]byte{"cut off": file[:len(file)-3], "a property cut off": message{}.bytes(14, property("a", "b")[:5]), "text": []byte("hello")} {
		if got, err := onnx.Metadata(file); err == nil || !strings.Contains(err.Error(), "no ONNX model, or it is cut off") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// PyTorch's file and ours are told from text and from other files.
func TestHowAFileBegins(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "torch.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range [][]byte{file, model("y")} {
		if !onnx.Begins(file) {
			t.Errorf("%q is not taken for an ONNX file", file[:8])
		}
	}
	for _, other := range []string{"", "FLYBALL\n", "predictive: {}", "{}", "\x89PNG"} {
		if onnx.Begins([]byte(other)) {
			t.Errorf("%q is taken for an ONNX file", other)
		}
	}
}

// Whatever the bytes are, reading ends without a panic, and what is read can be run.
func FuzzRead(f *testing.F) {
	f.Add(model("y", matrix, pair, operation("Gemm", "x w b", "h"), operation("Tanh", "h", "y")), "")
	f.Add(model("y z", turned, triple, operation("Sub", "x c", "s"), operation("Transpose", "wt", "w"), operation("MatMul", "s w", "y"), operation("Relu", "s", "z")), "z")
	if file, err := os.ReadFile(filepath.Join("testdata", "torch.onnx")); err == nil {
		f.Add(file, "value")
	}
	f.Fuzz(func(t *testing.T, file []byte, output string) {
		_, _ = onnx.Metadata(file) // must not panic
		net, err := onnx.Read(file, output)
		if err != nil {
			return
		}
		out := make([]float32, net.Outputs())
		net.NewInference().Infer(make([]float32, net.Inputs()), out)
	})
}
