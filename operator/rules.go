package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
)

// Rules say what documents of a cluster may ask for. Whoever may write an
// Autoscaler must not get at what the operator alone may: its files, its token,
// programs in its container, other people's namespaces.
type Rules struct {
	// Targets and Balancers are the kinds that may be named; none: all.
	Targets, Balancers []string
	// Files lets documents name files of the operator's container, and addresses
	// that get its keys.
	Files bool
}

// InCluster are the rules of an operator.
func InCluster() Rules { return Rules{Targets: []string{"kubernetes"}, Balancers: []string{"none"}} }

func (r Rules) check(doc *v1alpha1.Document) error {
	s := &doc.Spec
	if err := allowed("spec.target", s.Target.Kind, r.Targets, "target"); err != nil {
		return err
	}
	if err := allowed("spec.balancer", s.Balancer.Kind, r.Balancers, "balancer"); err != nil {
		return err
	}
	if err := ownNamespace("spec.target", &s.Target, doc.Metadata.Namespace); err != nil {
		return err
	}
	for i := range s.Signals {
		from := &s.Signals[i].Source
		if from.Kind != "kubernetes" {
			continue
		}
		if err := ownNamespace(fmt.Sprintf("spec.signals[%d]", i), from, doc.Metadata.Namespace); err != nil {
			return err
		}
	}
	if r.Files {
		return nil
	}
	return nothingOfOurs(s)
}

func allowed(path, kind string, kinds []string, what string) error {
	if len(kinds) == 0 || slices.Contains(kinds, kind) {
		return nil
	}
	return &fault{NotAllowed, fmt.Sprintf("%s: must be a %s of a cluster (%s), got %s: others would run with the rights of the operator", path, what, strings.Join(kinds, ", "), kind)}
}

// ownNamespace refuses what is scaled, or measured, in another namespace: who may
// write an Autoscaler here need not be allowed anything there.
func ownNamespace(path string, p *scale.Plugin, own string) error {
	var body struct {
		Namespace string `json:"namespace"`
	}
	if json.Unmarshal(p.Body, &body) != nil || body.Namespace == "" || body.Namespace == own {
		return nil
	}
	return &fault{ForbiddenNamespace, fmt.Sprintf("%s.%s.namespace: must be that of the Autoscaler (%s) or be left out, got %s: forbidden namespace", path, p.Kind, own, body.Namespace)}
}

// nothingOfOurs refuses what would read the operator's files, and could send them
// away: tokens and certificates in files, and other clusters' kubeconfigs; and
// whom the operator would take for its own language model. All of a document is
// looked through, so that no place in it is forgotten.
func nothingOfOurs(s *v1alpha1.Spec) error {
	var body any
	raw, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		return err
	}
	if found := ours("spec", body); len(found) > 0 {
		return &fault{NotAllowed, strings.Join(found, "\n")}
	}
	return nil
}

// ours are the faults of fields that name a file of the operator, or who gets its
// key.
func ours(path string, value any) []string {
	var found []string
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			at := path + "." + name
			if why := mayNot(at, v[name]); why != "" {
				found = append(found, at+": must be left out: "+why+", which may be allowed by --allow-files")
			}
			found = append(found, ours(at, v[name])...)
		}
	case []any:
		for i := range v {
			found = append(found, ours(fmt.Sprintf("%s[%d]", path, i), v[i])...)
		}
	}
	return found
}

// mayNot says what is wrong with naming something in a field; "": nothing.
func mayNot(at string, value any) string {
	text, isText := value.(string)
	switch {
	case !isText || text == "":
		return ""
	case namesFile(at, text):
		return "it names a file of the operator's container"
	case strings.HasSuffix(at, ".advisor.openai.url") || strings.HasSuffix(at, ".advisor.gemini.url"):
		return "whom the operator asks for advice is for its environment to say"
	}
	return ""
}

// namesFile reports whether a field, by its path, names a file. A model that ships
// is in the program: no file of its name is opened.
func namesFile(at, value string) bool {
	if strings.HasSuffix(at, ".learned.model") {
		return !slices.Contains(learned.Shipped(), value)
	}
	field := at[strings.LastIndexByte(at, '.')+1:]
	return strings.HasSuffix(field, "File") || field == "kubeconfig" || field == "context"
}
