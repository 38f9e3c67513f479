package experiment

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// parser reads fields and keeps the first fault.
type parser struct {
	fields []string
	err    error
}

func (p *parser) fault(column int, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s: must be %s, got %q", Columns()[column], want, p.fields[column])
	}
}

func (p *parser) time(column int) time.Time {
	at, err := time.Parse(timeLayout, p.fields[column])
	if err != nil {
		p.fault(column, "a time as 2026-01-02T15:04:05Z")
	}
	return at
}

func (p *parser) mode(column int) Mode {
	mode := Mode(p.fields[column])
	if !slices.Contains(Modes(), mode) {
		p.fault(column, fmt.Sprintf("one of %v", Modes()))
	}
	return mode
}

func (p *parser) whole(column int) *int {
	if p.fields[column] == "" {
		return nil
	}
	n, err := strconv.Atoi(p.fields[column])
	if err != nil || n < 0 {
		p.fault(column, "a count")
		return nil
	}
	return &n
}

func (p *parser) decimal(column int) *float64 {
	if p.fields[column] == "" {
		return nil
	}
	v, err := strconv.ParseFloat(p.fields[column], 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		p.fault(column, "a number")
		return nil
	}
	return &v
}
