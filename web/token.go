package web

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
)

// Token lets its holder in. Only its hash is kept, so that neither a dump of
// the memory nor a log can give it away.
type Token struct {
	Name string // of its holder, for the audit
	Hash [sha256.Size]byte
}

// NewToken hashes a token.
func NewToken(name, secret string) Token { return Token{name, sha256.Sum256([]byte(secret))} }

// match returns the token whose secret is given. It looks at all of them and
// takes as long whichever it is.
func match(tokens []Token, secret string) (Token, bool) {
	hash := sha256.Sum256([]byte(secret))
	found := -1
	for i := range tokens {
		if subtle.ConstantTimeCompare(tokens[i].Hash[:], hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Token{}, false
	}
	return tokens[found], true
}

// minToken is the least length of a token: 16 random characters are beyond
// guessing.
const minToken = 16

// maxTokenFile bounds what is read.
const maxTokenFile = 1 << 20

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,49}$`)

// LoadTokens reads a file of tokens, see ParseTokens. A file that everyone on
// the machine may read or change is refused.
func LoadTokens(path string) ([]Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o006 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("token file %s: everyone may read or change it (mode %04o): chmod 600 %s", path, mode, path)
	}
	tokens, err := ParseTokens(f)
	if err != nil {
		return nil, fmt.Errorf("token file %s: %w", path, err)
	}
	return tokens, nil
}

// ParseTokens reads lines of the form "name: token", or one token alone, which
// is named "token". Empty lines and those that begin with # are left out. No
// error repeats a token.
func ParseTokens(r io.Reader) ([]Token, error) {
	var tokens []Token
	var errs []error
	lone := false
	lines := bufio.NewScanner(io.LimitReader(r, maxTokenFile))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, secret, named := strings.Cut(line, ":")
		if !named {
			name, secret, lone = "token", line, true
		}
		t, err := readToken(strings.TrimSpace(name), strings.TrimSpace(secret), tokens)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		tokens = append(tokens, t)
	}
	switch err := lines.Err(); {
	case err != nil:
		errs = append(errs, err)
	case len(errs) > 0:
	case len(tokens) == 0:
		errs = append(errs, errors.New(`holds no token: write lines of the form "name: token"`))
	case lone && len(tokens) > 1:
		errs = append(errs, errors.New(`a token without a name must be the only one: write "name: token"`))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return tokens, nil
}

func readToken(name, secret string, before []Token) (Token, error) {
	t := NewToken(name, secret)
	switch {
	case !tokenName.MatchString(name):
		return t, errors.New("the name must be 1 to 50 letters, digits or . _ @ -, and begin with a letter or digit")
	case len(secret) < minToken:
		return t, fmt.Errorf("the token of %s has %d characters, at least %d are needed: make one with openssl rand -hex 24", name, len(secret), minToken)
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return t, fmt.Errorf("the token of %s: only printable ASCII without spaces can be sent", name)
	}
	for _, other := range before {
		if other.Name == name {
			return t, fmt.Errorf("there is another token of %s", name)
		}
		if other.Hash == t.Hash {
			return t, fmt.Errorf("%s and %s have the same token", other.Name, name)
		}
	}
	return t, nil
}
