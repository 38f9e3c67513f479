package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/target/compose"
)

// composeFlags stand for a document: a service of a running Compose project.
type composeFlags struct {
	service        string // PROJECT/SERVICE; "": there is a document
	publish, ready string
	port, min, max int
}

func (f *composeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.service, "compose", "", "instead of a document: scale a service of a running Compose project, `PROJECT/SERVICE`")
	flags.IntVar(&f.max, "max", 0, "with --compose: most replicas")
	flags.IntVar(&f.min, "min", 1, "with --compose: fewest replicas")
	flags.IntVar(&f.port, "port", 0, "with --compose: port inside the containers (default the only one that Compose file or image name)")
	flags.StringVar(&f.ready, "ready", "", "with --compose: `PATH` that answers 200 when a replica can take requests")
	flags.StringVar(&f.publish, "publish", "127.0.0.1:8080", "with --compose: where the balancer takes the requests, `HOST:PORT`")
}

// check says what is wrong with the flags.
func (f *composeFlags) check(cmd *cobra.Command, documents *documentFlags) error {
	if f.service == "" {
		for _, name := range []string{"max", "min", "port", "ready", "publish"} {
			if cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s: goes with --compose; in a document it has a field", name)
			}
		}
		return nil
	}
	project, service, _ := strings.Cut(f.service, "/")
	switch {
	case project == "" || service == "" || strings.Contains(service, "/"):
		return fmt.Errorf("--compose: must be PROJECT/SERVICE, for example shop/web, got %q", f.service)
	case len(documents.files) > 0:
		return errors.New("--compose and --file exclude each other")
	case documents.labels.on:
		return errors.New("--compose and --swarm exclude each other")
	case !cmd.Flags().Changed("max"):
		return errors.New("--max: must be given with --compose, at least 1")
	case f.max < 1:
		return fmt.Errorf("--max: must be at least 1, got %d", f.max)
	case f.min < 0 || f.min > f.max:
		return fmt.Errorf("--min: must be 0 to --max (%d), got %d", f.max, f.min)
	}
	return nil
}

// write makes the document and has it read like one from standard input.
func (f *composeFlags) write(ctx context.Context, documents *documentFlags) error {
	if f.service == "" {
		return nil
	}
	text, err := f.document(ctx)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	documents.files, documents.stdin = []string{"-"}, text
	return nil
}

// document is what somebody would write who knows no more than this. The
// promise is that of examples/process.yaml: the default policy needs one.
func (f *composeFlags) document(ctx context.Context) ([]byte, error) {
	what, err := f.target(ctx)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(fields{
		"apiVersion": "flyball.io/v1alpha1", "kind": "Autoscaler",
		"metadata": fields{"name": documentName(f.service)},
		"spec": fields{
			"target":    what,
			"replicas":  fields{"min": f.min, "max": f.max},
			"balancer":  fields{"builtin": fields{"listen": f.publish}},
			"objective": fields{"latency": fields{"threshold": "500ms", "target": "99.9%", "window": "1h"}},
			"sync":      "5s",
		},
	})
}

// target is the one of the document.
func (f *composeFlags) target(ctx context.Context) (fields, error) {
	cfg := compose.Default()
	cfg.Project, cfg.Service, _ = strings.Cut(f.service, "/")
	if cfg.Port = f.port; cfg.Port == 0 {
		port, err := cfg.FindPort(ctx)
		if errors.Is(err, compose.ErrWhichPort) {
			return nil, fmt.Errorf("--port: must be given for --compose %s: %w", f.service, err)
		}
		if err != nil {
			return nil, fmt.Errorf("--compose %s: %w", f.service, err)
		}
		cfg.Port = port
	}
	what := fields{"project": cfg.Project, "service": cfg.Service, "port": cfg.Port}
	if f.ready != "" {
		what["readiness"] = fields{"path": f.ready}
	}
	return fields{"compose": what}, nil
}

// flagOf are the flags that fields of the document come from.
var flagOf = []struct{ field, flag string }{
	{"spec.balancer.builtin.listen", "--publish"}, {"spec.replicas.min", "--min"}, {"spec.replicas.max", "--max"},
	{"spec.target.compose.port", "--port"}, {"spec.target.compose.readiness.path", "--ready"},
}

// told tells faults of the document by flags: nobody has seen the document.
// Other errors stay as they are.
func (f *composeFlags) told(err error) error {
	var faults v1alpha1.Faults
	if f.service == "" || !errors.As(err, &faults) {
		return err
	}
	var errs []error
	for _, fault := range faults {
		what := "--compose " + f.service
		for _, known := range flagOf {
			if fault.Path == known.field {
				what = known.flag
			}
		}
		errs = append(errs, fmt.Errorf("%s: %s", what, fault.Message))
	}
	return cli.UsageError{Err: errors.Join(errs...)}
}

// documentName makes a name of a document from that of a service.
func documentName(service string) string {
	name := strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(service))
	return strings.Trim(name[:min(len(name), 63)], "-")
}
