package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Metadata are the properties that a file states of itself, as
// onnx.helper.set_model_props writes them (ModelProto.metadata_props). Of two of
// one name the last counts.
func Metadata(file []byte) (map[string]string, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("onnx: %d bytes, more than %d", len(file), MaxBytes)
	}
	all := map[string]string{}
	err := fields(file, func(f field) error {
		if f.number != 14 || f.kind != protowire.BytesType {
			return nil
		}
		key, value, err := parseEntry(f.bytes)
		all[key] = value
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return all, nil
}

// parseEntry reads a StringStringEntryProto.
func parseEntry(message []byte) (key, value string, err error) {
	err = fields(message, func(f field) error {
		switch f.number {
		case 1:
			key = string(f.bytes)
		case 2:
			value = string(f.bytes)
		}
		return nil
	})
	return key, value, err
}
