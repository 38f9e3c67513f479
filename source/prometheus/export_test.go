package prometheus

// PlanOf returns what is asked for a query: the value, and its time.
func PlanOf(query string) ([]string, error) {
	p, err := planOf(query, "")
	return []string{p.query, p.newest}, err
}

// Query is that of a preset.
func (p Preset) Query() string { return p.query() }
