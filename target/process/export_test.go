package process

// ReadUsageFrom makes the sampler of a target that does not run yet read
// another directory than /proc.
func ReadUsageFrom(t *Target, procfs string) { t.meter.procfs = procfs }
