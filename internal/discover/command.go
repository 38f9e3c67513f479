package discover

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// PortFrom says how a program learns its port.
type PortFrom string

// Ways to learn a port.
const (
	FromArgument    PortFrom = "argument"    // {port} stands for it now
	FromEnvironment PortFrom = "environment" // PORT
	FromElsewhere   PortFrom = "elsewhere"   // a file, or its default
)

// Portable returns a command that can be started several times beside each
// other: {port} in the place of the port it was started with.
func (l Listener) Portable() ([]string, PortFrom) {
	command, from := slices.Clone(l.Process.Command), FromElsewhere
	port := regexp.MustCompile(`(^|[^0-9.])` + strconv.Itoa(l.Port) + `$`)
	for i := range command {
		if i > 0 && port.MatchString(command[i]) {
			command[i] = strings.TrimSuffix(command[i], strconv.Itoa(l.Port)) + "{port}"
			from = FromArgument
		}
	}
	if from == FromElsewhere && slices.Contains(l.Process.Env, "PORT="+strconv.Itoa(l.Port)) {
		from = FromEnvironment
	}
	if len(command) > 0 {
		command[0] = l.Process.program()
	}
	return command, from
}

// program is what starts the process again: the word it was started with
// where that finds the same file, else the file.
func (p Process) program() string {
	word := p.Command[0]
	if strings.ContainsRune(word, '/') {
		if filepath.IsAbs(word) || p.same(filepath.Join(p.Dir, word)) {
			return word
		}
	} else if found, err := exec.LookPath(word); err == nil && p.same(found) {
		return word
	}
	if p.Executable != "" {
		return p.Executable
	}
	return word
}

// same reports whether a path leads to the file that runs.
func (p Process) same(path string) bool {
	resolved, err := filepath.EvalSymlinks(path)
	return err == nil && (p.Executable == "" || resolved == p.Executable)
}

// interpreters run something else, which gives the service its name; flyball
// runs the sample service.
var interpreters = regexp.MustCompile(`^(flyball|python|ruby|perl|node|java|php|bash|sh|deno|bun|dotnet)[0-9.]*$`)

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// ServiceName is a name for the service that a command starts.
func ServiceName(command []string) string {
	name := "service"
	for i, word := range command {
		b := base(word)
		if i > 0 && strings.HasPrefix(word, "-") {
			continue
		}
		if i == 0 && interpreters.MatchString(b) {
			continue
		}
		name = strings.TrimSuffix(b, filepath.Ext(b))
		break
	}
	name = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if name == "" {
		return "service"
	}
	return strings.Trim(name[:min(len(name), 63)], "-")
}

func base(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}

// ownVariables belong to a shell or to systemd, not to a service.
var ownVariables = regexp.MustCompile(`^(_|SHLVL|PWD|OLDPWD|PORT|TERM|COLORTERM|LS_COLORS|LESS.*|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|PATH|TMUX.*|SSH_.*|XDG_.*|DBUS_.*|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_.*|MAIL|HOSTNAME|WINDOWID|DISPLAY|.*_PID)$`)

// Variables are the names of environment variables that the process has and
// whoever starts it again would miss. Values may be secrets and are not
// looked at.
func (p Process) Variables(have func(name string) bool) []string {
	var names []string
	for _, e := range p.Env {
		name, _, _ := strings.Cut(e, "=")
		if name != "" && !ownVariables.MatchString(name) && !have(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
