package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is what the OpenAPI document promises. Every answer that a rig gets
// is held against it.
type contract struct {
	compiler *jsonschema.Compiler
	paths    map[string]any
}

func readContract(t *testing.T) *contract {
	t.Helper()
	data, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{compiler: jsonschema.NewCompiler(), paths: doc.(map[string]any)["paths"].(map[string]any)}
	if err := c.compiler.AddResource("flyball:openapi", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// check holds an answer against the document.
func (c *contract) check(method, path string, status int, header http.Header, body []byte) error {
	address, err := url.ParseRequestURI(path)
	if err != nil {
		return err
	}
	if header.Get("Content-Encoding") == "gzip" {
		if body, err = unpacked(body); err != nil {
			return err
		}
	}
	if method == http.MethodHead {
		return nil
	}
	template := c.template(address.Path)
	operation, known := c.operation(template, method)
	if !known { // only a fault can be the answer, of the form of all faults
		if status < 300 && strings.HasPrefix(address.Path, "/api/") {
			return fmt.Errorf("%s %s answered %d and is not in the document", method, path, status)
		}
		return c.validate("#/components/schemas/Fault", body, status >= 400 && header.Get("Content-Type") == "application/json")
	}
	response := fmt.Sprint(status)
	if _, listed := operation["responses"].(map[string]any)[response]; !listed {
		response = "default"
		if status < 400 {
			return fmt.Errorf("%s %s answered %d, which is not in the document", method, path, status)
		}
	}
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	schema := "#/paths/" + escape(template) + "/" + strings.ToLower(method) + "/responses/" + response + "/content/" + escape(kind) + "/schema"
	return c.validate(schema, body, kind == "application/json")
}

func unpacked(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil // of a HEAD
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func escape(s string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(s))
}

func (c *contract) validate(schema string, body []byte, isJSON bool) error {
	if !isJSON {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w in %s", err, body)
	}
	compiled, err := c.compiler.Compile("flyball:openapi" + schema)
	if err != nil {
		return err
	}
	if err := compiled.Validate(value); err != nil {
		return fmt.Errorf("%w\nin %s", err, body)
	}
	return nil
}

// template finds the path of the document that an address is of.
func (c *contract) template(path string) string {
	if _, literal := c.paths[path]; literal {
		return path
	}
	parts := strings.Split(path, "/")
	for template := range c.paths {
		if matchParts(strings.Split(template, "/"), parts) {
			return template
		}
	}
	return ""
}

func matchParts(template, parts []string) bool {
	if len(template) != len(parts) {
		return false
	}
	for i := range parts {
		if !strings.HasPrefix(template[i], "{") && template[i] != parts[i] {
			return false
		}
	}
	return true
}

func (c *contract) operation(template, method string) (map[string]any, bool) {
	operations, _ := c.paths[template].(map[string]any)
	operation, known := operations[strings.ToLower(method)].(map[string]any)
	return operation, known
}

// A check that lets everything through is no check.
func TestTheContractRefusesWhatItDoesNotSay(t *testing.T) {
	c := readContract(t)
	asJSON := http.Header{"Content-Type": {"application/json"}}
	for _, tc := range []struct {
		method, path string
		status       int
		body         any
		fine         bool
	}{
		{"GET", "/healthz", 200, map[string]any{"status": "ok"}, true},
		{"GET", "/healthz", 200, map[string]any{"status": "fine"}, false},
		{"GET", "/healthz", 200, map[string]any{"status": "ok", "more": 1}, false},
		{"GET", "/healthz", 204, map[string]any{"status": "ok"}, false},
		{"GET", "/api/v1/events?limit=1", 200, map[string]any{"events": []any{}}, true},
		{"GET", "/api/v1/events", 200, map[string]any{"events": nil}, false},
		{"GET", "/api/v1/targets/shop/series", 404, map[string]any{"error": "no"}, true},
		{"GET", "/api/v1/targets/shop/series", 404, map[string]any{"fault": "no"}, false},
		{"GET", "/api/v1/targets/shop/series", 418, map[string]any{"error": "no"}, true},
		{"GET", "/api/v1/nothing", 200, map[string]any{}, false},
		{"PATCH", "/api/v1/targets/shop", 405, map[string]any{"error": "no"}, true},
		{"GET", "/readyz", 503, map[string]any{"status": "starting", "waiting": []string{"shop"}}, true},
	} {
		body, err := json.Marshal(tc.body)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.check(tc.method, tc.path, tc.status, asJSON, body); (err == nil) != tc.fine {
			t.Errorf("%s %s %d %s: %v, want fine %v", tc.method, tc.path, tc.status, body, err, tc.fine)
		}
	}
}
