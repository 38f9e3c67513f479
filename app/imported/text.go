package imported

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/internal/cli"
)

// text is a document that is being written, line by line.
type text struct{ strings.Builder }

// line writes a line, so deep.
func (t *text) line(deep int, format string, args ...any) {
	t.WriteString(strings.Repeat("  ", deep) + fmt.Sprintf(format, args...) + "\n")
}

// remark writes a comment of one line, whatever its words hold.
func (t *text) remark(deep int, format string, args ...any) {
	t.line(deep, "# %s", cli.OneLine(fmt.Sprintf(format, args...)))
}

// fields are those of an object in one line, in the order in which they were
// added.
type fields []string

func (f *fields) add(name, value string) { *f = append(*f, name+": "+value) }

// put adds a text unless it is empty.
func (f *fields) put(name, value string) {
	if value != "" {
		f.add(name, quoted(value))
	}
}

func (f fields) String() string { return "{" + strings.Join(f, ", ") + "}" }

var (
	plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*$`)
	// taken are words that YAML takes for something else.
	taken = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)
)

// quoted is a text as YAML has it, and as documents have it: $$ is a dollar
// sign there.
func quoted(s string) string {
	if plain.MatchString(s) && !taken.MatchString(s) {
		return s
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(s), "$", "$$")
}
