package inference

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/source/reading"
)

// modelList is what /api/ps (models in memory) and /api/tags (models on disk)
// of Ollama answer, as far as it is of use.
type modelList struct {
	Models *[]struct {
		Name string `json:"name"`
		// SizeVRAM is the memory of the accelerator that it takes; only of those
		// in memory.
		Size     *float64 `json:"size"`
		SizeVRAM *float64 `json:"size_vram"`
	} `json:"models"`
}

// readOllama tells which models are there and which are in memory. Ollama
// says nothing of requests, queue and tokens: these are absent.
func (r *Reader) readOllama(ctx context.Context) (reading.Reading, error) {
	at := r.clock.Now()
	there, err := r.models(ctx, "/api/tags")
	if err != nil {
		return reading.Reading{}, err
	}
	loaded, err := r.models(ctx, "/api/ps")
	if err != nil {
		return reading.Reading{}, err
	}
	parts := map[string]reading.Part{}
	for _, m := range *there.Models {
		parts[m.Name] = reading.NewPart(m.Name)
		parts[m.Name].Values[reading.ModelLoaded] = 0
	}
	for _, m := range *loaded.Models {
		p := reading.NewPart(m.Name)
		p.Values[reading.ModelLoaded] = 1
		for name, v := range map[string]*float64{reading.ModelBytes: m.Size, reading.ModelAcceleratorBytes: m.SizeVRAM} {
			if v != nil && *v >= 0 {
				p.Values[name] = *v
			}
		}
		parts[m.Name] = p
	}
	return reading.Bounded(at, parts), nil
}

func (r *Reader) models(ctx context.Context, path string) (list modelList, err error) {
	answer, place, err := r.get(ctx, strings.TrimSuffix(r.cfg.Path, "/")+path, "application/json")
	if err != nil {
		return list, err
	}
	if err := json.Unmarshal(answer.Body, &list); err != nil {
		return list, fmt.Errorf("%s: not the JSON of Ollama: %w", place, err)
	}
	if list.Models == nil {
		return list, fmt.Errorf("%s: names no models: is it Ollama?", place)
	}
	return list, nil
}
