package experiment_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/flyball-io/flyball/experiment"
)

// Two phases side by side.
func ExamplePrint() {
	read := func(mode string, n int) experiment.Summary {
		text := strings.Join(experiment.Columns(), ",") + "\n"
		for minute := range 60 {
			text += fmt.Sprintf("2026-03-01T12:%02d:00Z,%s,%d,90.0,14.5,%d,1.000,0.500,,,3,0.900,steady,%d,none\n", minute, mode, n, n, n)
		}
		rows, err := experiment.Read(strings.NewReader(text))
		if err != nil {
			fmt.Println(err)
		}
		return experiment.Summarize(rows)
	}
	_ = experiment.Print(os.Stdout, []experiment.Summary{read("hpa_only", 4), read("ai_scaler", 3)}) // to a terminal
	// Output:
	// phase                       hpa_only  ai_scaler
	// time                          1h0m0s     1h0m0s
	// rows                              60         60
	// replica-hours                  4.000      3.000
	// replicas, mean                  4.00       3.00
	// least and most                   4–4        3–3
	// changes (reversals)            0 (0)      0 (0)
	// CPU per replica, mean           90 m       90 m
	// memory per replica, mean    14.5 MiB   14.5 MiB
	// time above the CPU target      0.0 %      0.0 %
	// wish of the live HPA, mean         –          –
	// of the computed HPA             4.00       3.00
	// computed = live                    –          –
	// within one of it                   –          –
	// wish of the AI, mean            3.00       3.00
	// its confidence, mean            0.90       0.90
}
