package discover

import (
	"bytes"
	"fmt"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/flyball-io/flyball/internal/cli"
)

// Document is what flyball init writes: a commented Autoscaler for a service
// that was found, or for the sample service.
type Document struct {
	Name    string
	File    string // it is written to, for the commands in its comments
	Sample  bool   // nothing was found: the sample service
	Command []string
	Dir     string
	Port    int
	Ready   string
	From    PortFrom
	PID     int
	Unit    string
	// Container is what answers where the port is published by a container; then
	// replicas are containers like it.
	Container *Container
	// Variables the process has in its environment and a new one would miss.
	Variables  []string
	Prometheus *Prometheus
	Rate       *Series // a counter of requests in Prometheus
}

// Container is one that publishes a port of this machine.
type Container struct {
	Name   string
	Port   int    // inside
	Listen string // host:port where it is published
}

// StopCommand ends the service that holds the port.
func (d Document) StopCommand() string {
	switch {
	case d.Container != nil:
		return "docker stop " + d.Container.Name
	case d.Unit != "":
		return "systemctl disable --now " + d.Unit
	case d.PID != 0:
		return fmt.Sprintf("kill %d", d.PID)
	}
	return ""
}

// Prometheus' own copy of a signal that the balancer measures has a name of
// its own: the one of the balancer stays in use.
const prometheusSignal = "prometheusRequestRate"

// YAML writes the document.
func (d Document) YAML() ([]byte, error) {
	t, err := template.New("document").Funcs(template.FuncMap{
		"list":   quotedList,
		"quote":  quoted,
		"line":   cli.OneLine, // whatever stands in a comment
		"join":   func(words []string) string { return cli.OneLine(strings.Join(words, ", ")) },
		"signal": func() string { return prometheusSignal },
	}).Parse(documentText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// quoted writes text as a YAML string in which no variable is expanded. It is
// always in quotes: a service may be called true, or 80.
func quoted(text string) (string, error) {
	text = strings.ToValidUTF8(text, "\ufffd") // YAML has nothing else
	return inYAML(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: strings.ReplaceAll(text, "$", "$$")})
}

func quotedList(words []string) (string, error) {
	all := make([]string, len(words))
	for i, word := range words {
		var err error
		if all[i], err = quoted(word); err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(all, ", ") + "]", nil
}

func inYAML(node *yaml.Node) (string, error) {
	text, err := yaml.Marshal(node)
	return strings.TrimSuffix(string(text), "\n"), err
}

// documentText has a comment for every choice that a newcomer must make.
// EDIT marks what flyball init could only guess.
const documentText = `{{define "ready"}}
{{- if .Ready}}
        path: {{quote .Ready}} # answers 2xx or 3xx when a replica can take requests
{{- else}}
        {} # EDIT: name a path that answers 200 when a replica can take requests
{{- end}}
{{- end -}}
# Written by flyball init. What it could only guess is marked EDIT.
#
#   flyball doctor -f {{line .File}}   # is everything here that it needs?
#   flyball plan -f {{line .File}}     # one decision now, nothing applied
#   flyball run -f {{line .File}}      # dashboard: http://127.0.0.1:7070
#
# Every field: docs/document.md. Every message of doctor: docs/troubleshooting.md.
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata:
  name: {{quote .Name}}
spec:
  mode: Apply # Recommend: decide and show, but start and end nothing
{{- if .Container}}

  # What is scaled: each replica is a container like {{line .Container.Name}}: its image,
  # command, environment, networks, mounts and limits. It is no replica itself
  # and need not run.
  target:
    docker:
      from: {{quote .Container.Name}}
      port: {{.Container.Port}} # inside the container
      readiness:
{{- template "ready" .}}

  # Users keep using port {{.Port}}: from now on Flyball's balancer takes it and
  # passes requests on to the replicas. The container {{line .Container.Name}} holds it at
  # present: end it ({{line .StopCommand}}), then flyball run takes the port.
  balancer:
    builtin:
      listen: {{quote .Container.Listen}} # EDIT: 0.0.0.0 where other machines are to reach it
{{- else}}

  # What is scaled: each replica is one process that Flyball starts.
{{- if .Sample}}
  # No service was found, so this is the sample that comes with Flyball: it
  # works on 4 requests at a time, 80 ms each. EDIT: name your own program.
{{- end}}
  target:
    process:
{{- if eq .From "argument"}}
      # {port} becomes the port of each replica.
{{- else if eq .From "environment"}}
      # The program takes its port from the environment variable PORT, which
      # Flyball sets for each replica.
{{- else if not .Sample}}
      # EDIT: nothing shows how this program learns its port. Flyball gives each
      # replica a port of its own in the environment variable PORT and in place
      # of {port} in an argument, for example "--port={port}". Until one of them
      # is used, only one replica can start.
{{- end}}
{{- if .SecretArguments}}
      # EDIT: an argument looks like a secret. Every user of this machine sees it
      # in the list of processes, and whoever may read this file sees it here.
      # Let the program read it from a file or a variable, or write ${NAME} in
      # its place and set NAME in the environment of flyball run.
{{- end}}
      command: {{list .Command}}
{{- if .Dir}}
      workingDirectory: {{quote .Dir}}
{{- end}}
{{- if .Variables}}
      # The running service also has these variables, which replicas started
      # from this shell would miss: {{join .Variables}}.
      # EDIT: set them here or in the environment of flyball run.
      # env: {NAME: value}
{{- if .SecretVariables}}
      # Some of them look like secrets: {{join .SecretVariables}}.
      # Those belong into the environment of flyball run, not into this file.
{{- end}}
{{- end}}
{{- if .PID}}
      # Users keep using port {{.Port}}: from now on Flyball's balancer takes it and
      # passes requests on to the replicas. Process {{.PID}} holds it at present:
      # end it ({{line .StopCommand}}), then flyball run takes the port.
{{- else}}
      # Where users reach the service: Flyball's balancer listens there and
      # passes requests on to the replicas.
{{- end}}
      port: {{.Port}}
      readiness:
{{- template "ready" .}}
{{- end}}

  # Limits that hold whatever anybody wants. EDIT: what does this machine carry?
  replicas:
    min: 1
    max: 4

  # The promise to the users: while it is missed nothing is scaled down. EDIT.
  objective:
    latency: {threshold: 500ms, target: 99%, window: 1h}
{{- if .Rate}}

  # What the balancer does not measure can come from elsewhere. This is the rate
  # of requests as Prometheus {{line .Prometheus.Version}} knows it, used by the shadow below only.
  # Once Flyball runs, Prometheus must scrape each replica or what stands before
  # them: port {{.Port}} answers for another replica each time.
  signals:
    - name: {{signal}}
      prometheus:
        server: {{quote .Prometheus.URL}}
        query: {{quote .Rate.Query}}
{{- end}}

  # What recommends a number: it forecasts the load until further replicas would
  # serve and takes the fewest that keep the promise. What a replica carries and
  # how long it takes to start it learns. Nothing is to be tuned; risk is the one
  # knob: 0.5 is safer and dearer, 2 cheaper and riskier.
  policy:
    predictive:
      risk: 1

  # Candidates that are watched beside it and never applied. EDIT: requests per
  # second that one replica carries when it is busy but not slow.
  shadows:
    - hpa:
        metrics:
          - {signal: {{if .Rate}}{{signal}}{{else}}requestRate{{end}}, averageValue: 35}

  # The time between two decisions. A load that doubles within it waits so long
  # for more replicas.
  sync: 5s
`
