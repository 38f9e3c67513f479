package v1alpha1

// Prepare compiles the schema once for many calls of Load.
func Prepare(plugins Plugins) (func(l Loader, paths []string) ([]Document, error), error) {
	schema, err := compile(plugins)
	return func(l Loader, paths []string) ([]Document, error) { return l.load(schema, paths) }, err
}
