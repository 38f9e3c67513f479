package web

import (
	"crypto/sha256"
	"crypto/subtle"
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
