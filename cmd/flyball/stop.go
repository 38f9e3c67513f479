package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/flyball-io/flyball/app/leftover"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
)

type stopFlags struct {
	stateDir       string
	all, yes, json bool
	cluster        takenOverFlags
}

func newStopCommand() *cobra.Command {
	f := &stopFlags{}
	cmd := &cobra.Command{
		Use:   "stop [NAME | --all | --taken-over]",
		Short: "List or end what a controller that is gone has left behind",
		Long: `Balancers and replicas go on when the controller crashes, ends with --on-exit
keep, or when a document was renamed. Without NAME this lists what a state
folder still holds. With NAME or --all it ends it: the balancer answers the
requests it has, then the replicas end, processes and containers. Ctrl-C makes
it kill them. A balancer that is not ours (nginx, HAProxy, Traefik) goes on.

Services of Docker Compose and Swarm are not Flyball's: their replicas stay as
they are, and docker compose stop or docker service scale ends them.

In a Kubernetes cluster the HorizontalPodAutoscalers and ScaledObjects rest that
were taken over (takeOver: true) by a controller that was killed. They are listed
where a kubeconfig names a cluster; hpa/NAME or scaledobject/NAME makes one what
it was, --taken-over all of them.

What a running controller looks after is left alone: end that controller, or
remove its document.`,
		Example: `  flyball stop
  flyball stop shop-web --yes
  flyball stop --all --state-dir /var/lib/flyball
  flyball stop hpa/web --namespace shop`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.stateDir, "state-dir", "", "folder that flyball run was given (default "+defaultStateDir("$XDG_STATE_HOME")+")")
	flags.BoolVar(&f.all, "all", false, "end everything that no controller looks after")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	flags.BoolVar(&f.json, "json", false, "print the list as JSON")
	f.cluster.add(flags)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return serviceNames(f.list(cmd.Context())), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// list is empty where the folder cannot be read.
func (f *stopFlags) list(ctx context.Context) []leftover.Service {
	if f.stateDir == "" {
		f.stateDir = defaultStateDir(os.Getenv("XDG_STATE_HOME"))
	}
	services, err := leftover.List(ctx, f.stateDir, clock.System)
	if err != nil {
		return nil
	}
	return services
}

func serviceNames(services []leftover.Service) []string {
	all := make([]string, len(services))
	for i, s := range services {
		all[i] = s.Name
	}
	return all
}

func (f *stopFlags) run(cmd *cobra.Command, args []string) error {
	if f.stateDir == "" {
		f.stateDir = defaultStateDir(os.Getenv("XDG_STATE_HOME"))
	}
	if f.all && len(args) > 0 || f.cluster.all && (f.all || len(args) > 0) {
		return cli.UsageError{Err: errors.New("NAME, --all and --taken-over exclude each other")}
	}
	ctx, hurry, stop := interruptible(cmd.Context())
	defer stop()
	if f.cluster.all || len(args) == 1 && strings.Contains(args[0], "/") {
		return f.handBack(ctx, cmd, strings.Join(args, ""))
	}
	services, err := leftover.List(ctx, f.stateDir, clock.System)
	if err != nil {
		return err
	}
	if !f.all && len(args) == 0 {
		return f.print(ctx, cmd, services)
	}
	if len(args) == 1 {
		i := slices.IndexFunc(services, func(s leftover.Service) bool { return s.Name == args[0] })
		if i < 0 {
			return cli.UsageError{Err: fmt.Errorf("nothing of %q runs in %s; there are: %s", args[0], f.stateDir, either(strings.Join(serviceNames(services), ", "), "none"))}
		}
		services = services[i : i+1]
	}
	if len(services) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing runs in "+f.stateDir)
		return nil
	}
	var lines []string
	for _, s := range services {
		if s.Controller == "" {
			lines = append(lines, s.Name+": "+describe(s))
		}
	}
	if err := f.agreed(cmd, lines, "End this?", "nothing was ended"); err != nil {
		return err
	}
	return f.end(hurry, cmd.OutOrStdout(), services)
}

// agreed asks the person before anything is done.
func (f *stopFlags) agreed(cmd *cobra.Command, lines []string, question, otherwise string) error {
	if f.yes || len(lines) == 0 {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return cli.UsageError{Err: errors.New("add --yes: nobody can be asked here")}
	}
	printLines(cmd.OutOrStdout(), lines...)
	fmt.Fprint(cmd.OutOrStdout(), question+" y/N ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return errors.New(otherwise)
	}
	return nil
}

// end ends each that nobody looks after, one after the other.
func (f *stopFlags) end(ctx context.Context, out io.Writer, services []leftover.Service) error {
	var errs []error
	for _, s := range services {
		if err := leftover.Stop(ctx, s, f.stateDir, clock.System); err != nil {
			if errors.Is(err, leftover.ErrAttended) {
				err = fmt.Errorf("%w: end that controller, or remove the document", err)
			}
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(out, "%s: ended (%s)\n", s.Name, describe(s))
	}
	return errors.Join(errs...)
}

func describe(s leftover.Service) string {
	parts := []string{replicas(s.Replicas)}
	if s.Unseen != "" {
		parts[0] = "replicas that cannot be seen"
	}
	if s.ProxyPID != 0 {
		parts = append(parts, fmt.Sprintf("balancer process %d at %s", s.ProxyPID, s.Address))
	}
	if s.Stay != "" {
		parts = append(parts, "its containers stay, they are not ours: "+s.Stay+" started them")
	}
	return strings.Join(parts, ", ")
}

// print lists what is left, here and in the cluster.
func (f *stopFlags) print(ctx context.Context, cmd *cobra.Command, services []leftover.Service) error {
	out := cmd.OutOrStdout()
	resting, err := f.cluster.list(ctx, cmd.ErrOrStderr())
	if f.json {
		return errors.Join(writeJSON(out, append(listed(services), listed(resting)...)), err)
	}
	f.printServices(out, services)
	printTakenOver(out, resting)
	return err
}

func (f *stopFlags) printServices(out io.Writer, services []leftover.Service) {
	if len(services) == 0 {
		fmt.Fprintln(out, "Nothing runs in "+f.stateDir)
		return
	}
	fmt.Fprintf(out, "%-24s  %8s  %-24s  %s\n", "NAME", "REPLICAS", "BALANCER", "CONTROLLER")
	for _, s := range services {
		balancer, controller := "-", either(s.Controller, "none: flyball stop "+s.Name+" ends it")
		if s.ProxyPID != 0 {
			balancer = fmt.Sprintf("%s (%d)", s.Address, s.ProxyPID)
		}
		if s.Damaged != "" {
			controller = oneLine(s.Damaged)
		}
		count := strconv.Itoa(s.Replicas)
		if s.Unseen != "" {
			count = "?"
		}
		fmt.Fprintf(out, "%-24s  %8s  %-24s  %s\n", s.Name, count, balancer, controller)
	}
	for _, s := range services {
		if s.Unseen != "" {
			fmt.Fprintf(out, "%s: its replicas cannot be seen: %s\n", s.Name, oneLine(s.Unseen))
		}
	}
}

// either is text, or otherwise where that is empty.
func either(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
