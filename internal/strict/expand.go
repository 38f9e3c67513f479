package strict

import (
	"fmt"
	"regexp"
	"strings"
)

// Env looks up a variable, as os.LookupEnv does.
type Env func(name string) (string, bool)

var variable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?$`)

// expand replaces ${NAME} and ${NAME:-default}; $$ is a dollar sign. The
// default is used when the variable is unset or empty. What a variable holds
// is not expanded again.
func expand(text string, env Env) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i == len(text)-1 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:i])
		rest := text[i+1:]
		switch rest[0] {
		case '$':
			b.WriteByte('$')
			text = rest[1:]
		case '{':
			inner, after, found := strings.Cut(rest[1:], "}")
			if !found {
				return "", fmt.Errorf("%s has no closing brace; write $$ for a dollar sign", Words(text[i:]))
			}
			value, err := lookUp(inner, env)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = after
		default:
			b.WriteByte('$')
			text = rest
		}
	}
}

func lookUp(inner string, env Env) (string, error) {
	m := variable.FindStringSubmatch(inner)
	if m == nil {
		return "", fmt.Errorf("must be ${NAME} or ${NAME:-default}, got %s; write $$ for a dollar sign", Words("${"+inner+"}"))
	}
	value, set := env(m[1])
	if m[2] != "" {
		if value == "" {
			value = m[3]
		}
		return value, nil
	}
	if !set {
		return "", fmt.Errorf("variable %s is not set; set it or give a default: ${%s:-value}", m[1], m[1])
	}
	return value, nil
}
