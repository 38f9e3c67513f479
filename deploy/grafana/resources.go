package grafana

// resources is what replicas use, and what Flyball does.
func resources() Dashboard {
	of := func(signal, legend string) Query {
		return ask(`flyball_signal_value{@, signal="`+signal+`"}`, "{{target}} "+legend)
	}
	return Dashboard{Name: "resources", UID: "flyball-resources", Title: "Flyball: resource use", Variables: targets(),
		Description: "CPU, memory, disk and network of the replicas, as their target or a source measures them, and of Flyball itself.",
		Rows: []Row{
			{"Replicas", []Panel{
				{Title: "CPU", Kind: Lines, Unit: "percentunit", Width: 12, Description: "Used per requested.", Queries: []Query{of("cpuUtilization", "")}},
				{Title: "Memory", Kind: Lines, Unit: "percentunit", Width: 12, Description: "Used per requested.", Queries: []Query{of("memoryUtilization", "")}},
				{Title: "Disk", Kind: Lines, Unit: "Bps", Width: 12, Queries: []Query{of("diskReadRate", "read"), of("diskWriteRate", "written")}},
				{Title: "Network", Kind: Lines, Unit: "Bps", Width: 12, Queries: []Query{of("networkReceiveRate", "received"), of("networkTransmitRate", "sent")}},
				{Title: "Requests in progress per replica", Kind: Lines, Unit: "short", Width: 12,
					Queries: []Query{ask(`flyball_signal_value{@, signal="concurrency"} / on (job, instance, target) (flyball_ready_replicas{@} > 0)`, "{{target}}")}},
				{Title: "Replicas ready", Kind: Lines, Unit: "short", Width: 12, Queries: []Query{ask(`flyball_ready_replicas{@}`, "{{target}}")}},
			}},
			{"Flyball", []Panel{
				{Title: "CPU", Kind: Lines, Unit: "short", Width: 8, Description: "Cores.", Queries: []Query{{`rate(process_cpu_seconds_total{job="$job"}[$__rate_interval])`, "{{instance}}"}}},
				{Title: "Memory", Kind: Lines, Unit: "bytes", Width: 8, Queries: []Query{
					{`process_resident_memory_bytes{job="$job"}`, "{{instance}} resident"}, {`go_memstats_heap_inuse_bytes{job="$job"}`, "{{instance}} heap"}}},
				{Title: "Goroutines and files", Kind: Lines, Unit: "short", Width: 8, Queries: []Query{
					{`go_goroutines{job="$job"}`, "{{instance}} goroutines"}, {`process_open_fds{job="$job"}`, "{{instance}} files"}}},
			}},
		}}
}
