package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// commandLine is a call of flyball in a unit file, Containerfile, page or
// workflow: the command and the rest of its line.
var commandLine = regexp.MustCompile(`(?:^|[\s"'/` + "`" + `])flyball(?:\.exe)?"?,? +"?([a-z-]+)"?([^\n|#` + "`" + `]*)`)

var longFlag = regexp.MustCompile(`--([a-z][a-z-]*)`)

// What is shipped must not name a command or a flag that is not there.
func TestShippedFilesNameCommandsAndFlagsThatExist(t *testing.T) {
	root := newRootCommand()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpFlag()
	calls := 0
	for _, pattern := range []string{"deploy/systemd/*", ".github/workflows/*", "docs/install.md", "docs/swarm.md", "docs/compose.md", "docs/containers.md", "docs/deploy.md"} {
		files, err := filepath.Glob("../../" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no such files (%v)", pattern, err)
		}
		for _, file := range files {
			for _, call := range commandLine.FindAllStringSubmatch(readFile(t, file), -1) {
				if cmd, _, err := root.Find([]string{call[1]}); err == nil && cmd != root {
					calls++
					flagsExist(t, file, call[0], cmd.Flags(), call[2])
				}
			}
		}
	}
	if calls < 8 {
		t.Errorf("only %d calls of flyball found: the pattern does not fit any more", calls)
	}
}

// imageOfFlyball is where a line to be copied names it.
var imageOfFlyball = regexp.MustCompile("(?m)(?:image: |FROM |--from=|docker run [^\\n`]*? |^ +)flyball:([\\w.]+)")

// Whoever copies a line gets the image that make image IMAGE=flyball:latest makes:
// there is none of another name.
func TestPagesNameTheImageThatIsBuilt(t *testing.T) {
	named := 0
	for _, page := range []string{"install", "swarm", "compose", "containers", "deploy"} {
		for _, found := range imageOfFlyball.FindAllStringSubmatch(readFile(t, "../../docs/"+page+".md"), -1) {
			if named++; found[1] != "latest" {
				t.Errorf("docs/%s.md: %q: want the tag latest", page, strings.TrimSpace(found[0]))
			}
		}
	}
	if named < 6 {
		t.Errorf("only %d lines with an image of Flyball found: the pattern does not fit any more", named)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func flagsExist(t *testing.T, file, line string, known *pflag.FlagSet, args string) {
	t.Helper()
	for _, flag := range longFlag.FindAllStringSubmatch(args, -1) {
		if known.Lookup(flag[1]) == nil && flag[1] != "help" {
			t.Errorf("%s: %q: there is no flag --%s", file, strings.TrimSpace(line), flag[1])
		}
	}
}

// quoted finds the words of a list in a Containerfile.
var quoted = regexp.MustCompile(`"([^"]+)"`)

// Both images run the same command, which exists with its flags.
func TestImagesRunACommandThatExists(t *testing.T) {
	var ends []string
	for _, file := range []string{"Containerfile", "Containerfile.binary"} {
		text := readFile(t, "../../deploy/container/"+file)
		_, end, found := strings.Cut(text, "USER 65532:65532")
		if !found {
			t.Errorf("%s: runs as root", file)
		}
		ends = append(ends, end)
		for line := range strings.Lines(end) {
			_, list, found := strings.Cut(line, "CMD [")
			if !found {
				continue
			}
			var words []string
			for _, word := range quoted.FindAllStringSubmatch(list, -1) {
				if word[1] != "/flyball" {
					words = append(words, word[1])
				}
			}
			cmd, _, err := newRootCommand().Find(words)
			if err != nil || cmd.Name() != words[0] {
				t.Errorf("%s: %q: %v, want a command of flyball", file, words, err)
				continue
			}
			flagsExist(t, file, line, cmd.Flags(), strings.Join(words, " "))
		}
	}
	if ends[0] != ends[1] {
		t.Errorf("the images differ in what they run:\n%s\n%s", ends[0], ends[1])
	}
}

// The example of variables names each that the program looks up by name.
func TestEveryVariableIsInTheExample(t *testing.T) {
	example := readFile(t, "../../.env.example")
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lookup := regexp.MustCompile(`Getenv\("([A-Z_]+)"\)`)
	found := 0
	for _, file := range sources {
		for _, name := range lookup.FindAllStringSubmatch(readFile(t, file), -1) {
			found++
			if strings.HasSuffix(file, "_test.go") || strings.Contains(example, name[1]) {
				continue
			}
			t.Errorf("%s looks up %s, which .env.example does not explain", file, name[1])
		}
	}
	if found < 3 {
		t.Errorf("only %d look-ups found: the pattern does not fit any more", found)
	}
}
