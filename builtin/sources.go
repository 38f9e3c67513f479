package builtin

import (
	"fmt"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// Sources are the sources that a document may name, with what builds them.
type Sources struct {
	Kinds
	build map[string]func(signal string, cfg any, env source.Env) (source.Source, error)
}

// RegisterSource adds a source: its defaults and its constructor, which is
// given the name of the signal that the source is to measure.
func RegisterSource[C Config, S source.Source](s *Sources, name string, defaults func() C, build func(signal string, cfg C, env source.Env) (S, error)) {
	RegisterConfig(&s.Kinds, name, defaults)
	if s.build == nil {
		s.build = map[string]func(string, any, source.Env) (source.Source, error){}
	}
	s.build[name] = func(signal string, cfg any, env source.Env) (source.Source, error) {
		c, ok := cfg.(*C)
		if !ok {
			return nil, fmt.Errorf("source %s: configuration is %T, want %T", name, cfg, c)
		}
		built, err := build(signal, *c, env)
		if err != nil {
			return nil, err // not built: a nil S in the interface would not be nil
		}
		return built, nil
	}
}

// New decodes, validates and builds the source of a signal.
func (s *Sources) New(signal string, plugin scale.Plugin, env source.Env) (source.Source, error) {
	cfg, err := s.Decode(plugin)
	if err != nil {
		return nil, err
	}
	return s.build[plugin.Kind](signal, cfg, env)
}
