package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Encode writes objects as YAML documents.
func Encode(objects []Object) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		text, err := encodeOne(o)
		if err != nil {
			return nil, fmt.Errorf("%T %s: %w", o, o.GetName(), err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// encodeOne leaves out what an applied object must not have, or need not.
func encodeOne(o Object) ([]byte, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	prune(fields)
	return yaml.Marshal(fields)
}

// prune drops what is null, and empty maps of metadata and resources, which the
// typed structs write although nobody set them.
func prune(fields map[string]any) {
	for key, value := range fields {
		switch v := value.(type) {
		case nil:
			delete(fields, key)
		case map[string]any:
			prune(v)
			if len(v) == 0 && (key == "resources" || key == "metadata" || key == "strategy" || key == "spec") {
				delete(fields, key)
			}
		case []any:
			for _, e := range v {
				if m, ok := e.(map[string]any); ok {
					prune(m)
				}
			}
		}
	}
}
