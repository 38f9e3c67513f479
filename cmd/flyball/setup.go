package main

import "github.com/spf13/cobra"

// newSetupCommands are those of the first ten minutes, and of the last; import
// brings in what was before, and stress
// shows what is yet to come, and notify tries who will be told of it.
func newSetupCommands() []*cobra.Command {
	setup := []*cobra.Command{newInitCommand(), newDoctorCommand(), newBalancerConfigCommand()}
	for _, cmd := range setup {
		refuseArguments(cmd)
	}
	return append(setup, newStopCommand(), newImportCommand(), newStressCommand(), newExperimentCommand(), newNotifyCommand())
}
