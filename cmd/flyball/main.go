// Command flyball keeps a service just large enough for its objective.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/internal/cli"
)

// version is set at build time.
var version = ""

func main() { os.Exit(run(context.Background(), os.Args[1:])) }

// run returns the exit status: 0 done, 1 failed, 2 wrong usage or
// configuration.
func run(ctx context.Context, args []string) int {
	// What the libraries of Kubernetes meet is in the errors they return; they would
	// print it a second time beside. The operator gives them its own log.
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	root := newRootCommand()
	root.SetArgs(args)
	err := knownCommand(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return 0
	}
	return report(root.ErrOrStderr(), err)
}

// knownCommand refuses a command that is not there before its flags are
// looked at.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil
	}
	var known []string
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			known = append(known, cmd.Name())
		}
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	if found, _, _ := root.Find(args[:1]); found != root {
		return nil
	}
	return cli.UsageError{Err: fmt.Errorf("unknown command %q; known: %s", args[0], strings.Join(known, ", "))}
}

// report says what went wrong, a line for each fault, and returns the exit
// status. Faults of documents are lines that start with their file, as editors
// expect them.
func report(out io.Writer, err error) int {
	var faults v1alpha1.Faults
	if errors.As(err, &faults) {
		fmt.Fprintln(out, err)
	} else {
		fmt.Fprintln(out, "flyball:", strings.ReplaceAll(err.Error(), "\n", "\nflyball: "))
	}
	var usage cli.UsageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "flyball",
		Short:         "An autoscaler that keeps a service just large enough for its objective, and says why",
		Version:       programVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.FlagError(err) })
	root.AddCommand(newDemoCommand(), newRunCommand(), newValidateCommand(), newPlanCommand(), newLoadCommand(), newEvaluateCommand(), newReplayCommand(), newReportCommand(), newTrainCommand(),
		newVersionCommand(), newSampleAppCommand(), newProxyCommand(), newAgentCommand(), newOperatorCommand())
	for _, cmd := range root.Commands() {
		refuseArguments(cmd)
	}
	root.AddCommand(newExplainCommand(), newDecisionsCommand(), newEventsCommand(), newPauseCommand(), newResumeCommand(), newModeCommand(), newTopCommand(), newHealthCommand(), newDeployCommand(), newBesideCommand(), newServePolicyCommand(), newGymCommand(), newExporterCommand())
	root.AddCommand(newSetupCommands()...)
	return root
}

// refuseArguments makes a stray argument wrong usage, in a sentence.
func refuseArguments(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return cli.UsageError{Err: fmt.Errorf("%s takes flags only, got %q; see flyball %s --help", cmd.Name(), strings.Join(args, " "), cmd.Name())}
	}
}

// programVersion is what the build was given, else what Go noted itself.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}
