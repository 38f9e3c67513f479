package v1alpha1

import (
	"encoding/json"
	"fmt"

	"github.com/flyball-io/flyball/internal/strict"
)

// Fault is one thing that is wrong with a document: file, line, field and
// what is allowed there.
type Fault = strict.Fault

// Faults is the error of a load: everything that is wrong, sorted by file and
// line. It prints one line for each fault and is a list in JSON.
type Faults = strict.Faults

// Document is one Autoscaler with the place it was read from.
type Document struct {
	Autoscaler
	File string // "-" is standard input
	Line int    // where it starts

	tree *strict.Tree
}

// Faults returns the messages of err as faults at a field of the document,
// for errors that only show when it is put to use. A message that starts with
// a field path is about that field below path.
func (d Document) Faults(path string, err error) error {
	t := strict.Tree{File: d.Metadata.Name} // made in Go, not read from a file
	if d.tree != nil {
		t = *d.tree
	}
	for _, m := range strict.Messages(err) {
		below, rest := strict.SplitMessage(m)
		t.Add(append(strict.ParsePath(path), below...), rest)
	}
	return t.Faults().Err()
}

// Load reads every document of the files, of all YAML files in the
// directories, and of standard input for "-". The error is [Faults] when a
// document is wrong; nothing is returned unless everything is right.
func (l Loader) Load(paths []string) ([]Document, error) {
	schema, err := compile(l.Plugins)
	if err != nil {
		return nil, err
	}
	return l.load(schema, paths)
}

func (l Loader) load(schema *strict.Schema, paths []string) ([]Document, error) {
	files, faults := l.read(paths)
	var docs []Document
	for _, f := range files {
		trees, wrong := strict.Parse(f.name, f.data, l.Env)
		faults = append(faults, wrong...)
		if len(trees) == 0 && len(wrong) == 0 {
			faults = append(faults, Fault{File: f.name, Message: "there is no document in it"})
		}
		for _, t := range trees {
			docs = append(docs, l.document(schema, t))
		}
	}
	addDoubles(docs)
	for _, d := range docs {
		faults = append(faults, d.tree.Faults()...)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return docs, nil
}

// document checks one tree and makes what it can of it; the faults stay with
// the tree.
func (l Loader) document(schema *strict.Schema, t *strict.Tree) Document {
	d := Document{File: t.File, Line: t.Line, tree: t, Autoscaler: Default()}
	if !t.Readable || !l.isAutoscaler(t) {
		return d
	}
	schema.Check(t)
	sound, err := json.Marshal(t.Sound())
	if err == nil {
		err = json.Unmarshal(sound, &d.Autoscaler)
	}
	if err != nil {
		if len(t.Faults()) == 0 {
			t.Add(nil, err.Error())
		}
		return d
	}
	d.Complete()
	l.checkRules(&d)
	return d
}

// isAutoscaler keeps a document of another kind from being measured by a
// schema that was never meant for it.
func (l Loader) isAutoscaler(t *strict.Tree) bool {
	object, ok := t.Value.(map[string]any)
	if !ok {
		t.Add(nil, "must be an object with apiVersion, kind, metadata and spec")
		return false
	}
	sound := true
	for _, want := range []struct{ field, value string }{{"apiVersion", APIVersion}, {"kind", Kind}} {
		got, stated := object[want.field]
		switch {
		case !stated:
			t.Add(strict.Path{want.field}, fmt.Sprintf("is required but missing; must be %s", want.value))
			sound = false
		case got != want.value:
			t.Add(strict.Path{want.field}, fmt.Sprintf("must be %s, got %s", want.value, strict.Words(got)))
			sound = false
		}
	}
	return sound
}

// checkRules adds what the schema cannot say: the rules of the document and
// those of each plug-in.
func (l Loader) checkRules(d *Document) {
	shape := d.tree.Shape()
	shape.AddInvalid(nil, d.Validate())
	check := func(c Contract, p *Plugin, path ...string) {
		if p != nil && p.Kind != "" {
			shape.AddInvalid(append(path, p.Kind), l.Plugins.Check(c, *p))
		}
	}
	s := &d.Spec
	check(TargetContract, &s.Target, "spec", "target")
	check(PolicyContract, s.Policy, "spec", "policy")
	if s.Envelope != nil {
		check(PolicyContract, s.Envelope.Expert, "spec", "envelope", "expert")
	}
	check(BalancerContract, s.Balancer, "spec", "balancer")
	for i := range s.Shadows {
		check(PolicyContract, &s.Shadows[i], strict.Path{"spec", "shadows"}.Index(i)...)
	}
	for i := range s.Signals {
		check(SourceContract, &s.Signals[i].Source, strict.Path{"spec", "signals"}.Index(i)...)
	}
}

// addDoubles finds documents of one name.
func addDoubles(docs []Document) {
	first := map[string]*Document{}
	for i := range docs {
		d := &docs[i]
		name := d.Metadata.Name
		if other, ok := first[name]; ok {
			d.tree.Add(strict.Path{"metadata", "name"},
				fmt.Sprintf("%q is already the name of the document at %s:%d", name, other.File, other.Line))
		} else if name != "" {
			first[name] = d
		}
	}
}
