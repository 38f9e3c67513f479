package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
)

// documentFlags name the documents of a command.
type documentFlags struct {
	files []string
}

func (f *documentFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "file or directory with documents, - for standard input; may be repeated")
}

// load reads the documents.
func (f *documentFlags) load(plugins *builtin.Registry, in io.Reader) ([]v1alpha1.Document, error) {
	if len(f.files) == 0 {
		return nil, errors.New("name at least one file with -f FILE, or - for standard input")
	}
	return v1alpha1.Loader{Plugins: plugins, Env: os.LookupEnv, Stdin: in}.Load(f.files)
}

// specs reads and decodes the documents and checks that this machine has what
// they name. Its errors are usage errors.
func (f *documentFlags) specs(in io.Reader) ([]app.Spec, error) {
	plugins := builtin.New()
	docs, err := f.load(plugins, in)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	specs, err := app.NewSpecs(docs, plugins)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	var errs []error
	for i := range specs {
		errs = append(errs, specs[i].Check())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return specs, nil
}

// watchable are the files that can change while the command runs.
func (f *documentFlags) watchable() []string {
	var paths []string
	for _, path := range f.files {
		if path != "-" {
			paths = append(paths, path)
		}
	}
	return paths
}
