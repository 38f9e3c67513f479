package compose

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/internal/docker"
	targetdocker "github.com/flyball-io/flyball/target/docker"
)

// project tells the docker target how Compose numbers, names and labels the
// containers of a service.
func (c Config) project() *targetdocker.Project {
	return &targetdocker.Project{
		Labels: c.labels(),
		Name:   c.next,
		Mark:   c.mark,
		Fault:  c.fault,
		Up:     c.up(),
	}
}

// numbered is what Compose calls a container: PROJECT-SERVICE-NUMBER, with _
// in version 1, and its ID before that while another one takes its place.
func (c Config) numbered() *regexp.Regexp {
	return regexp.MustCompile(`^(?:[0-9a-f]{12}_)?` + regexp.QuoteMeta(c.Project) + `([-_])` + regexp.QuoteMeta(c.Service) + `[-_]([0-9]+)$`)
}

// next is the name after the highest number there is, as Compose counts.
func (c Config) next(existing []string) string {
	highest, separator := 0, "-"
	pattern := c.numbered()
	for _, name := range existing {
		parts := pattern.FindStringSubmatch(name)
		if parts == nil {
			continue
		}
		if n, err := strconv.Atoi(parts[2]); err == nil && n > highest {
			highest, separator = n, parts[1]
		}
	}
	return strings.Join([]string{c.Project, c.Service, strconv.Itoa(highest + 1)}, separator)
}

// mark is what the labels of a copy have other than its sibling's.
func (c Config) mark(name string) map[string]string {
	marks := maps.Clone(c.labels())
	if parts := c.numbered().FindStringSubmatch(name); parts != nil {
		marks[labelNumber] = parts[2]
	}
	return marks
}

// fault says why there cannot be another container like one of the service.
func (c Config) fault(sibling docker.Container) error {
	if !c.numbered().MatchString(sibling.Name) {
		return fmt.Errorf("%w: service %s has container_name %s, which only one can have", docker.ErrOnlyOne, c.Service, sibling.Name)
	}
	return nil
}
