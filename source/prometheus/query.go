package prometheus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/flyball-io/flyball/internal/webclient"
)

// inputLabel tells the inputs of a query apart in the answer to the question
// for their newest measurements.
const inputLabel = "flyball_input"

// plan is what is asked of the server.
type plan struct {
	query  string
	newest string // empty: the query reads no series whose time could be asked
	// inputs are the selectors that newest asks for; nil where the user wrote
	// newest, whose one value is the time.
	inputs []input
	window time.Duration // what the value averages over
}

// input is one selector of a query with how far it looks back.
type input struct {
	selector string
	back     time.Duration // 0: an instant
}

func parse(query string) (parser.Expr, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil, fmt.Errorf("is no PromQL: %s", webclient.Excerpt(err.Error(), 200))
	}
	return expr, nil
}

func checkQuery(query string) error {
	expr, err := parse(query)
	if err != nil {
		return err
	}
	switch expr.Type() {
	case parser.ValueTypeVector, parser.ValueTypeScalar:
		return nil
	case parser.ValueTypeMatrix:
		return errors.New("gives a range of values, not one; wrap it, for example in rate(…) or avg_over_time(…)")
	default:
		return fmt.Errorf("gives a %s, not a number", expr.Type())
	}
}

// planOf says what to ask for a query and the time of its newest measurement.
//
// The time at which a query is evaluated is not when its inputs were measured:
// Prometheus takes a value that is up to 5 minutes old as that of now. So each
// selector of the query is asked for the time of its newest sample as well:
//
//	sum(rate(requests[1m])) ─► max(timestamp(requests)) or count(last_over_time(requests[1m])) * 0
//
// The right side answers 0 for series that were in the window but have ended:
// rate still sees them, and timestamp does not.
func planOf(query, newest string) (plan, error) {
	if newest != "" {
		return plan{query: query, newest: newest}, nil
	}
	expr, err := parse(query)
	if err != nil {
		return plan{}, err
	}
	p := plan{query: query}
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		if m, ok := node.(*parser.MatrixSelector); ok {
			p.window = max(p.window, m.Range)
		}
		if selector, ok := node.(*parser.VectorSelector); ok && datable(selector, path) {
			if in := (input{selector.String(), lookback(path)}); !slices.Contains(p.inputs, in) {
				p.inputs = append(p.inputs, in)
			}
		}
		return nil
	})
	parts := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		parts[i] = fmt.Sprintf(`label_replace(%s, "%s", "%d", "", "")`, in.newest(), inputLabel, i)
	}
	p.newest = strings.Join(parts, " or ")
	return p, nil
}

func (in input) newest() string {
	newest := fmt.Sprintf("max(timestamp(%s))", in.selector)
	if in.back > 0 {
		newest = fmt.Sprintf("(%s or count(last_over_time(%s[%s])) * 0)", newest, in.selector, model.Duration(in.back))
	}
	return newest
}

// datable reports whether a selector reads what is measured now: one that was
// moved in time on purpose or asks for what is missing does not.
func datable(selector *parser.VectorSelector, path []parser.Node) bool {
	moved := selector.OriginalOffset != 0 || selector.OriginalOffsetExpr != nil || selector.Timestamp != nil || selector.StartOrEnd != 0
	for _, node := range path {
		switch n := node.(type) {
		case *parser.SubqueryExpr:
			moved = moved || n.OriginalOffset != 0 || n.OriginalOffsetExpr != nil || n.Timestamp != nil || n.StartOrEnd != 0
		case *parser.Call:
			moved = moved || n.Func.Name == "absent" || n.Func.Name == "absent_over_time"
		}
	}
	return !moved
}

// lookback is how far a selector at the end of path looks back.
func lookback(path []parser.Node) time.Duration {
	back := time.Duration(0)
	for _, node := range path {
		switch n := node.(type) {
		case *parser.MatrixSelector:
			back += n.Range
		case *parser.SubqueryExpr:
			back += n.Range
		}
	}
	return back
}
