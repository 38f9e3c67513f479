package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/present"
)

// printTargets says what the candidate was to show, and whether it did.
func printTargets(w io.Writer, t evaluate.Targets, width int) {
	numbers := []string{"At most", "Shown", "Worst", "Clairvoyant"}
	for _, table := range present.Targets(t) {
		fmt.Fprintln(w, table.Title)
		var aligned alignedTable
		for i, title := range table.Columns {
			var cells []string
			for _, row := range table.Rows {
				cells = append(cells, row[i])
			}
			aligned.add(title, slices.Contains(numbers, title), cells...)
		}
		aligned.print(w, width)
		if table.Text != "" {
			fmt.Fprint(w, foldText(table.Text, width))
		}
		fmt.Fprintln(w)
	}
}
