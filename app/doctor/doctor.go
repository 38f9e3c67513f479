// Package doctor checks everything that a document needs before flyball run is
// trusted with it, and says in one line how to mend what is missing. It
// changes nothing. docs/troubleshooting.md has an entry for each check.
package doctor

import (
	"context"
	"os"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
)

// Status is how a check went.
type Status string

// Statuses of a check.
const (
	OK   Status = "ok"
	Note Status = "note" // nothing is wrong, but it should be known
	Fail Status = "fail"
)

// Result is one line of what the doctor says.
type Result struct {
	Check   string `json:"check"`            // its entry in docs/troubleshooting.md
	Target  string `json:"target,omitempty"` // the autoscaler it is about
	Status  Status `json:"status"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"` // what to do, in one line
}

// Options say what is checked.
type Options struct {
	Files    []string // documents; none: only what concerns no document
	Stdin    []byte   // what - stands for
	StateDir string
	// Record is the file of decisions and events.
	Record string
	// API is where flyball run serves, or is to serve.
	API *client.Client
	// Listen is that address as host:port; "" when it is another machine's.
	Listen          string
	TLSCert, TLSKey string // of the API; empty: none

	// Cluster and Namespace are those of a Kubernetes cluster, for documents that
	// do not say. Where they are named they are looked at without a document too.
	Cluster   kubernetes.Access
	Namespace string

	Clock clock.Clock
}

// patient is what the checks look at.
type patient struct {
	Options
	plugins *builtin.Registry
	docs    []v1alpha1.Document
	specs   []app.Spec
	sites   []site
	results []Result
}

// check is one prerequisite.
type check struct {
	name string
	// about says what is looked at.
	about string
	run   func(*patient, context.Context)
}

// checks are all there are, in the order in which they are made.
func checks() []check {
	return []check{
		{"document", "the documents are valid and agree with each other", (*patient).document},
		{"command", "the program of each target is there and can be executed", (*patient).command},
		{"cluster", "the API server of a Kubernetes cluster answers", (*patient).cluster},
		{"target", "what a target needs answers: its engine, its image", (*patient).target},
		{"rights", "in a cluster one may do what it takes, right by right", (*patient).rights},
		{"usage", "what pods use is measured, and what they request is stated", (*patient).usage},
		{"balancer", "a balancer that is a program of its own answers and can be steered", (*patient).balancer},
		{"port", "the port of each service is free, or held by what is to make room", (*patient).port},
		{"replica-ports", "there are free ports for the replicas", (*patient).replicaPorts},
		{"ready", "of the replicas that run some are ready", (*patient).ready},
		{"signal", "each source below signals measures now", (*patient).signal},
		{"advisor", "the server of a language model answers, takes the key and has the model", (*patient).advisor},
		{"prometheus", "what a Prometheus scrapes is up", (*patient).prometheus},
		{"tls", "certificates can be read, fit their keys and have not expired", (*patient).tls},
		{"clock", "the clocks of this machine and of the servers asked agree", (*patient).clocks},
		{"state", "the state folder can be written to and has space", (*patient).state},
		{"leftover", "nothing runs on without a controller", (*patient).leftover},
		{"record", "the record of decisions is healthy", (*patient).record},
		{"files", "enough files may be open at a time", (*patient).files},
		{"api", "the API answers, or its address is free", (*patient).api},
	}
}

// Checks names every check.
func Checks() []string {
	var all []string
	for _, c := range checks() {
		all = append(all, c.name)
	}
	return all
}

// Examine makes every check. Those of a document are left out where it is not
// valid.
func Examine(ctx context.Context, o Options) []Result {
	p := &patient{Options: o, plugins: builtin.New()}
	for _, c := range checks() {
		before := len(p.results)
		c.run(p, ctx)
		for i := range p.results[before:] {
			p.results[before+i].Check = c.name
		}
		if ctx.Err() != nil {
			break
		}
	}
	return p.results
}

func (p *patient) ok(target, message string) {
	p.results = append(p.results, Result{Target: target, Status: OK, Message: message})
}

func (p *patient) note(target, message, fix string) {
	p.results = append(p.results, Result{Target: target, Status: Note, Message: message, Fix: fix})
}

func (p *patient) fail(target, message, fix string) {
	p.results = append(p.results, Result{Target: target, Status: Fail, Message: message, Fix: fix})
}

// Failed reports whether something must be mended.
func Failed(results []Result) bool {
	for _, r := range results {
		if r.Status == Fail {
			return true
		}
	}
	return false
}

// env is where documents find variables.
func env(name string) (string, bool) { return os.LookupEnv(name) }
