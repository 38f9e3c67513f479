package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/deploy/chart"
)

// render is the manifests of both charts, namespaces first.
func (f *clusterFlags) render() ([]byte, error) {
	given, err := f.given()
	if err != nil {
		return nil, err
	}
	var operator, app []byte
	out := []byte(fmt.Sprintf("# Flyball on Kubernetes, %s. Written by flyball deploy kubernetes; the same as the charts of deploy/chart.\n", f.environment))
	if !slices.Contains(f.without, withoutOperator) {
		out = append(out, namespace(f.own, true)...)
		if operator, err = f.operator(given); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(f.without, withoutApp) {
		if f.namespace != "default" {
			out = append(out, namespace(f.namespace, false)...)
		}
		if app, err = f.app(given); err != nil {
			return nil, err
		}
	}
	return append(append(out, operator...), app...), nil
}

// namespace is one that keeps its pods to the restricted level of Pod Security
// where all that is in it is ours.
func namespace(name string, ours bool) string {
	text := "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n"
	if ours {
		text += "  labels: {pod-security.kubernetes.io/enforce: restricted}\n"
	}
	return text
}

// given are the values of files.
func (f *clusterFlags) given() ([]chart.Values, error) {
	var all []chart.Values
	for _, file := range f.values {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--values: %w", err)
		}
		values, err := chart.ParseValues(text)
		if err != nil {
			return nil, fmt.Errorf("--values: %s: %w", file, err)
		}
		for name := range values {
			if name != "operator" && name != "app" {
				return nil, fmt.Errorf("--values: %s: must hold values under operator and app, got %q", file, name)
			}
		}
		all = append(all, values)
	}
	return all, nil
}

// below are the values that are meant for a chart.
func below(given []chart.Values, name string) []chart.Values {
	var all []chart.Values
	for _, values := range given {
		if v, ok := values[name].(chart.Values); ok {
			all = append(all, v)
		}
	}
	return all
}

func (f *clusterFlags) operator(given []chart.Values) ([]byte, error) {
	preset, err := chart.Preset(chart.Operator, f.provider)
	if err != nil {
		return nil, err
	}
	own := chart.Values{"image": imageValues(f.flyballImage)}
	if slices.Contains(f.without, withoutCRDs) {
		own["crds"] = chart.Values{"install": false}
	}
	return chart.Render(chart.Operator, chart.Release{Name: "flyball", Namespace: f.own}, append([]chart.Values{preset, own}, below(given, "operator")...)...)
}

func (f *clusterFlags) app(given []chart.Values) ([]byte, error) {
	preset, err := chart.Preset(chart.App, f.environment)
	if err != nil {
		return nil, err
	}
	own, ingress := chart.Values{"image": imageValues(f.flyballImage), "port": f.port, "healthPath": f.health}, chart.Values{}
	if f.image != "" {
		own["image"], own["args"] = imageValues(f.image), []any{}
		own["hardened"] = false // nothing is known of it
	}
	if f.ingress != "" {
		ingress["controller"] = f.ingress
	}
	if f.host != "" {
		ingress["host"] = f.host
	}
	own["ingress"] = ingress
	return chart.Render(chart.App, chart.Release{Name: f.name, Namespace: f.namespace}, append([]chart.Values{preset, own}, below(given, "app")...)...)
}

// imageValues splits the name of an image at its tag.
func imageValues(name string) chart.Values {
	repository, tag := name, "latest"
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		repository, tag = name[:at], name[at+1:]
	}
	return chart.Values{"repository": repository, "tag": tag}
}
