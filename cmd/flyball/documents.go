package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
)

// documentFlags name the documents of a command.
type documentFlags struct {
	files  []string
	stdin  []byte // what - stood for, kept for reloads
	labels labelFlags
	again  bool // they were read before: the last one may have been removed
}

func (f *documentFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "file or directory with documents, - for standard input; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("file", completeYAML) // the flag is there
}

// largestStdin is above what the loader takes, so that it says what is wrong.
const largestStdin = 2 << 20

// load reads the documents.
func (f *documentFlags) load(plugins *builtin.Registry, in io.Reader) ([]v1alpha1.Document, error) {
	if len(f.files) == 0 && !f.labels.on {
		return nil, errors.New("name at least one file with -f FILE, or - for standard input")
	}
	if err := f.labels.check(f.files); err != nil {
		return nil, err
	}
	if _, err := f.readStdin(in); err != nil {
		return nil, err
	}
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: os.LookupEnv, Stdin: bytes.NewReader(f.stdin), MayBeEmpty: f.again}.Load(f.files)
	if err != nil {
		return nil, err
	}
	return f.labels.load(plugins, docs)
}

// readStdin reads what - stands for, once.
func (f *documentFlags) readStdin(in io.Reader) ([]byte, error) {
	if f.stdin == nil && slices.Contains(f.files, "-") {
		data, err := io.ReadAll(io.LimitReader(in, largestStdin))
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		f.stdin = data
	}
	return f.stdin, nil
}

// decode reads and decodes the documents. Its errors are usage errors.
func (f *documentFlags) decode(in io.Reader) ([]app.Spec, error) {
	plugins := builtin.New()
	docs, err := f.load(plugins, in)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return f.sound(docs, plugins, func([]app.Spec) error { return nil })
}

// sound decodes documents that pass a check, and leaves out those of labels
// that can be done without.
func (f *documentFlags) sound(docs []v1alpha1.Document, plugins *builtin.Registry, check func([]app.Spec) error) ([]app.Spec, error) {
	var specs []app.Spec
	_, err := f.labels.sound(docs, func(docs []v1alpha1.Document) (err error) {
		var some []app.Spec
		if some, err = app.NewSpecs(docs, plugins); err == nil {
			err = check(some)
		}
		if err == nil {
			specs = some
		}
		return err
	})
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return specs, nil
}

// specs decodes the documents and checks that this machine has what they name.
// Its errors are usage errors.
func (f *documentFlags) specs(in io.Reader) ([]app.Spec, error) { return f.specsFor(in, nil) }

// specsFor is specs of what a process with some of the roles must find.
func (f *documentFlags) specsFor(in io.Reader, these roles.Set) ([]app.Spec, error) {
	plugins := builtin.New()
	docs, err := f.load(plugins, in)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	return f.sound(docs, plugins, func(specs []app.Spec) error {
		var errs []error
		for i := range specs {
			errs = append(errs, specs[i].CheckFor(these))
		}
		return errors.Join(errs...)
	})
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
