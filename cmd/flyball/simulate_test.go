package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestFlagsOfASimulatedRun(t *testing.T) {
	for args, want := range map[string]string{
		"":                                     "",
		"--speed=60":                           "--speed: needs --simulate",
		"--seed=2":                             "--seed: needs --simulate",
		"--simulate":                           "",
		"--simulate --speed=1":                 "",
		"--simulate --speed=0":                 "--speed: must be 0.1 to 1000, got 0; flyball evaluate is faster",
		"--simulate --for=-1m":                 "--for: must be at least 1s, got -1m",
		"--simulate --on-exit=keep":            "--on-exit: nothing outlives a simulation",
		"--simulate --load=shape:hill":         `--load: shape "hill" is not known`,
		"--simulate --load=diurnal":            "--load: trace: open diurnal: no such file or directory; a shape is named shape:NAME",
		"--simulate --speed=0 --concurrency=0": "--concurrency: must be 1 to 10000, got 0",
	} {
		f, flags := &simulateFlags{}, pflag.NewFlagSet("run", pflag.ContinueOnError)
		flags.String("on-exit", "stop", "")
		f.add(flags)
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		switch err := f.check(); {
		case want == "" && err != nil:
			t.Errorf("%s: got %v, want no error", args, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// What is measured follows the document where no flag says otherwise.
func TestASimulatedRunMeasuresAsTheDocumentSays(t *testing.T) {
	for args, want := range map[string]string{"--simulate": "0s 0s", "--simulate --scrape=5s": "5s 0s"} {
		f, flags := &simulateFlags{}, pflag.NewFlagSet("run", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		s, err := f.scenario()
		if got := s.Metrics.Scrape.String() + " " + s.Metrics.Window.String(); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", args, got, err, want)
		}
	}
}
