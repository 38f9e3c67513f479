package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/flyball-io/flyball/deploy/stack"
)

// workingDir is Compose's label of the folder that a container was started from.
const workingDir = "com.docker.compose.project.working_dir"

// label is the one by which the engine knows all that is of a project or stack.
func (e engineCLI) label() string {
	if e.swarm() {
		return "com.docker.stack.namespace=" + e.options.Name
	}
	return "com.docker.compose.project=" + e.options.Name
}

// part is something of a project or stack of this name that is there.
type part struct {
	what, name, environment, folder string
}

// owns sees to it that what is there under this name is of this environment and
// folder, before any of it is changed: the environments of a service share the
// name, and so may a project of the user's own.
func (e engineCLI) owns(ctx context.Context) error {
	there, err := e.there(ctx)
	if err != nil {
		return fmt.Errorf("see whose %s is: %w", e.options.Name, err)
	}
	for _, one := range there {
		if err := e.differs(one); err != nil {
			return fmt.Errorf("%w; nothing was changed: give this stack another --name, or take away the other one first", err)
		}
	}
	return nil
}

// differs says whose something is, where it is not of this stack. What was
// started from files that nobody wrote to a folder of their own, such as those
// of examples/swarm, has no folder.
func (e engineCLI) differs(one part) error {
	switch o := e.options; {
	case one.environment == "":
		return fmt.Errorf("%s: the %s %s is of somebody else's %s of this name%s", o.Name, one.what, one.name, e.kind(), inFolder(one.folder))
	case one.environment != o.Environment.Name:
		return fmt.Errorf("%s: the %s %s is of the environment %s%s, and this is %s", o.Name, one.what, one.name, one.environment, inFolder(one.folder), o.Environment.Name)
	case one.folder != "" && one.folder != o.Folder:
		return fmt.Errorf("%s: the %s %s is of a stack%s, and this is one in %s (--dir)", o.Name, one.what, one.name, inFolder(one.folder), o.Folder)
	}
	return nil
}

func (e engineCLI) kind() string {
	if e.swarm() {
		return "stack"
	}
	return "project"
}

func inFolder(folder string) string {
	if folder == "" {
		return ""
	}
	return " in " + folder
}

// there is what the engine has under this name. Swarm's volumes are those of
// this node.
func (e engineCLI) there(ctx context.Context) ([]part, error) {
	volumes, err := e.labelled(ctx, "volume", "{{.Name}}", "volume", "ls")
	if err != nil {
		return nil, err
	}
	if !e.swarm() {
		containers, err := e.labelled(ctx, "container", "{{.Names}}", "ps", "-a")
		return append(containers, volumes...), err
	}
	services, err := e.services(ctx)
	return append(services, volumes...), err
}

// labelled lists what can be listed with its labels.
func (e engineCLI) labelled(ctx context.Context, what, name string, list ...string) ([]part, error) {
	format := name
	for _, label := range []string{stack.EnvironmentLabel, stack.FolderLabel, workingDir} {
		format += fmt.Sprintf("\t{{.Label %q}}", label)
	}
	out, err := e.answer(ctx, append(list, "--filter", "label="+e.label(), "--format", format)...)
	return partsOf(what, out), err
}

// services lists those of a stack: their labels are told one by one.
func (e engineCLI) services(ctx context.Context) ([]part, error) {
	ids, err := e.ask(ctx, "service", "ls", "-q", "--filter", "label="+e.label())
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	format := fmt.Sprintf("{{.Spec.Name}}\t{{index .Spec.Labels %q}}\t{{index .Spec.Labels %q}}\t", stack.EnvironmentLabel, stack.FolderLabel)
	out, err := e.answer(ctx, append([]string{"service", "inspect", "--format", format}, ids...)...)
	return partsOf("service", out), err
}

// partsOf reads NAME, environment, folder and Compose's folder, with tabs between
// them.
func partsOf(what, out string) []part {
	var all []part
	for line := range strings.Lines(out) {
		fields := append(strings.Split(strings.TrimRight(line, "\r\n"), "\t"), "", "", "")
		if fields[0] != "" {
			all = append(all, part{what, fields[0], fields[1], cmp.Or(fields[2], fields[3])})
		}
	}
	return all
}
