package web

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

var update = flag.Bool("update", false, "write openapi.json anew")

const module = "github.com/flyball-io/flyball/"

// object is one of JSON.
type object = map[string]any

// The document follows the code: the routes say what can be asked for, the
// types of the answers how they look, their comments what it means.
func TestDocumentIsTheGeneratedOne(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(document)); diff != "" {
		t.Errorf("openapi.json is stale, run go generate ./web (-want +got):\n%s", diff)
	}
}

// Whoever adds a path adds it to the routes; the mux is made of them alone.
func TestEveryPathOfTheDocumentAnswersAndNoOther(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Summary    string
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for path, operations := range doc.Paths {
		for method, operation := range operations {
			listed[strings.ToUpper(method)+" "+path] = true
			if operation.Summary == "" {
				t.Errorf("%s %s: no summary", method, path)
			}
			for _, name := range pathParameters(path) {
				if !strings.Contains(fmt.Sprint(operation.Parameters), "{"+name+" path}") {
					t.Errorf("%s %s: parameter %s is not described: %v", method, path, name, operation.Parameters)
				}
			}
		}
	}
	for _, r := range testedServer().routes() {
		if name := r.method + " " + r.path; !listed[name] {
			t.Errorf("%s is served and not described", name)
		} else {
			delete(listed, name)
		}
	}
	for name := range listed {
		t.Errorf("%s is described and not served", name)
	}
}

func testedServer() *Server {
	return New(Options{Bus: memory.New(), Clock: clock.System, Metrics: http.NotFoundHandler()})
}

func generate(t *testing.T) []byte {
	t.Helper()
	r := reflector(t)
	schemas, paths := object{}, object{}
	for _, route := range testedServer().routes() {
		operations, _ := paths[route.path].(object)
		if operations == nil {
			operations = object{}
			paths[route.path] = operations
		}
		operations[strings.ToLower(route.method)] = describe(r, schemas, route)
	}
	reference(r, schemas, Fault{})
	for _, event := range []any{pointEvent{}, replicasEvent{}, appliedEvent{}, FaultView{}} {
		reference(r, schemas, event) // what the stream carries
	}
	text, err := json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{"title": "Flyball", "version": "v1",
			"description": "What a running instance shows and what operators may do. Times are Unix seconds, durations and latencies seconds, rates per second, shares 0..1; what nobody measured is null, never 0."},
		"paths":    paths,
		"security": []object{{}, {"token": []string{}}, {"cookie": []string{}}},
		"components": object{"schemas": schemas, "securitySchemes": object{
			"token":  object{"type": "http", "scheme": "bearer"},
			"cookie": object{"type": "apiKey", "in": "cookie", "name": sessionCookie},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(`"#/$defs/`), []byte(`"#/components/schemas/`))
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

func reflector(t *testing.T) *jsonschema.Reflector {
	t.Helper()
	r := &jsonschema.Reflector{Mapper: mapType, Anonymous: true}
	for _, dir := range []string{".", "../scale"} {
		if err := r.AddGoComments(module+"web", dir, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// mapType describes the types that write themselves.
func mapType(t reflect.Type) *jsonschema.Schema {
	words := func(enum ...any) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Enum: enum} }
	switch t {
	case reflect.TypeFor[Number]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "number"}, {Type: "null"}}}
	case reflect.TypeFor[scale.Mode]():
		return words(scale.Apply, scale.Recommend, scale.Paused)
	case reflect.TypeFor[scale.Trust]():
		return words(scale.Fresh.String(), scale.Stale.String(), scale.Implausible.String(), scale.Absent.String())
	case reflect.TypeFor[scale.Reason]():
		fields := jsonschema.NewProperties()
		fields.Set("code", &jsonschema.Schema{Type: "string", Description: "from a small fixed vocabulary"})
		fields.Set("text", &jsonschema.Schema{Type: "string", Description: "in words"})
		return &jsonschema.Schema{Type: "object", Properties: fields, Required: []string{"code", "text"}, AdditionalProperties: jsonschema.FalseSchema}
	}
	return nil
}

// reference adds the schema of a value's type, and those it is made of, to the
// schemas, and returns what refers to it.
func reference(r *jsonschema.Reflector, schemas object, value any) object {
	s := r.Reflect(value)
	for name, definition := range s.Definitions {
		flatten(definition)
		schemas[name] = definition
	}
	return object{"$ref": s.Ref}
}

// flatten puts what comments say of fields on one line each.
func flatten(s *jsonschema.Schema) {
	s.Description = strings.Join(strings.Fields(s.Description), " ")
	if s.Properties == nil {
		return
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		flatten(pair.Value)
	}
}

func describe(r *jsonschema.Reflector, schemas object, route route) object {
	operation := object{"summary": route.summary, "operationId": operationID(route), "responses": responses(r, schemas, route)}
	if route.open {
		operation["security"] = []object{{}}
	}
	if parameters := parameters(route); len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	if route.body != nil {
		operation["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": reference(r, schemas, route.body)}}}
	}
	return operation
}

func responses(r *jsonschema.Reflector, schemas object, route route) object {
	fault := object{"application/json": object{"schema": object{"$ref": "#/$defs/Fault"}}}
	all := object{"default": object{"description": "a fault", "content": fault}}
	for _, status := range route.faults {
		all[fmt.Sprint(status)] = object{"description": http.StatusText(status), "content": fault}
	}
	if route.moved {
		all["303"] = object{"description": http.StatusText(http.StatusSeeOther)}
	}
	switch answer := route.answer.(type) {
	case nil:
	case string:
		all["200"] = object{"description": "OK", "content": object{answer: object{"schema": object{"type": "string"}}}}
	case map[string]any:
		all["200"] = object{"description": "OK", "content": object{"application/json": object{"schema": object{"type": "object"}}}}
	default:
		all["200"] = object{"description": "OK", "content": object{"application/json": object{"schema": reference(r, schemas, answer)}}}
		if _, ready := answer.(ReadyAnswer); ready {
			all["503"] = all["200"]
		}
	}
	return all
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func pathParameters(path string) []string {
	var names []string
	for _, found := range inBraces.FindAllStringSubmatch(path, -1) {
		names = append(names, found[1])
	}
	return names
}

func parameters(route route) []object {
	var all []object
	for _, name := range pathParameters(route.path) {
		p := object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}, "description": "name of a target"}
		if name == "id" {
			p["schema"], p["description"] = object{"type": "integer", "minimum": 0, "maximum": maxDecisionID}, "ID of a decision: its time in Unix milliseconds"
		}
		all = append(all, p)
	}
	for _, q := range route.query {
		all = append(all, object{"name": q.name, "in": "query", "schema": schemaOf(q), "description": q.description})
	}
	if route.path == "/api/v1/targets/{name}/mode" {
		all = append(all, object{"name": userHeader, "in": "header", "schema": object{"type": "string", "maxLength": maxBy}, "description": "who acts, in words"})
	}
	return all
}

func schemaOf(q parameter) object {
	switch q.kind {
	case "integer":
		return object{"type": "integer", "minimum": q.least, "maximum": q.most}
	case "time":
		return object{"type": "string", "format": "date-time"}
	case "duration":
		return object{"type": "string", "examples": []string{"15s", "5m", "1h30m", "7d"}}
	}
	if q.enum != nil {
		return object{"type": "string", "enum": q.enum}
	}
	return object{"type": "string"}
}

// operationID is the method and the words of the path.
func operationID(route route) string {
	id := strings.ToLower(route.method)
	for _, word := range regexp.MustCompile(`[A-Za-z]+`).FindAllString(strings.TrimPrefix(route.path, "/api/v1"), -1) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}
