package gemini

import (
	"bytes"
	"encoding/json"
)

// ordered is a schema that says in which order its properties are written. Else the
// order is lost, for the library sorts them, and a model that must say how many
// before it says why has not thought yet.
func ordered(schema json.RawMessage) any {
	var fields map[string]json.RawMessage
	if json.Unmarshal(schema, &fields) != nil || fields["properties"] == nil {
		return schema
	}
	order, err := json.Marshal(keys(fields["properties"]))
	if err != nil {
		return schema
	}
	fields["propertyOrdering"] = order
	return fields
}

// keys are the names in an object as they are written.
func keys(object json.RawMessage) (all []string) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return all
		}
		if text, is := name.(string); is {
			all = append(all, text)
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return all
		}
	}
	return all
}
