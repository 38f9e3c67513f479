package webclient

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Auth says how a client shows who it is and whom it believes. Files are read
// again for every request, so that a rotated token or certificate is used at
// once.
type Auth struct {
	BearerToken     Secret            `json:"bearerToken,omitempty" jsonschema:"description=Token sent as Authorization: Bearer; better from a file or a variable"`
	BearerTokenFile string            `json:"bearerTokenFile,omitempty" jsonschema:"description=File that holds the token; read for each request"`
	Basic           *Basic            `json:"basic,omitempty" jsonschema:"description=User name and password"`
	TLS             TLS               `json:"tls,omitzero" jsonschema:"description=Certificates for https"`
	Headers         map[string]Secret `json:"headers,omitempty" jsonschema:"description=Further headers sent with each request"`
}

// Basic is a user name with a password.
type Basic struct {
	Username     string `json:"username" jsonschema:"required,description=User name"`
	Password     Secret `json:"password,omitempty" jsonschema:"description=Password; better from a file or a variable"`
	PasswordFile string `json:"passwordFile,omitempty" jsonschema:"description=File that holds the password; read for each request"`
}

// Validate reports every fault that can be seen without looking at the machine.
func (a Auth) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	ways := 0
	for _, used := range []bool{a.BearerToken != "", a.BearerTokenFile != "", a.Basic != nil} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		fault("bearerToken: at most one of bearerToken, bearerTokenFile and basic may be set")
	}
	if !httpguts.ValidHeaderFieldValue(a.BearerToken.Reveal()) {
		fault("bearerToken: must not hold control characters")
	}
	if b := a.Basic; b != nil {
		if b.Username == "" || strings.ContainsRune(b.Username, ':') {
			fault("basic.username: must not be empty or hold a colon, got %q", b.Username)
		}
		if b.Password != "" && b.PasswordFile != "" {
			fault("basic.password: at most one of password and passwordFile may be set")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(a.Headers[name].Reveal()):
			fault("headers: %q: must be a header's name with a value without control characters", name)
		case http.CanonicalHeaderKey(name) == "Authorization" && ways > 0:
			fault("headers: Authorization: is set by bearerToken, bearerTokenFile or basic")
		}
	}
	return errors.Join(append(errs, a.TLS.validate())...)
}

// apply sets the headers and returns what must not be shown.
func (a Auth) apply(r *http.Request) (secrets []string, err error) {
	for name, value := range a.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			r.Host = value.Reveal()
			continue
		}
		r.Header.Set(name, value.Reveal())
		secrets = append(secrets, value.Reveal())
	}
	token, err := fromFile(a.BearerToken, a.BearerTokenFile, "bearerTokenFile")
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
		secrets = append(secrets, token)
	}
	if a.Basic == nil {
		return secrets, nil
	}
	password, err := fromFile(a.Basic.Password, a.Basic.PasswordFile, "basic.passwordFile")
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(a.Basic.Username, password)
	encoded := base64.StdEncoding.EncodeToString([]byte(a.Basic.Username + ":" + password))
	return append(secrets, password, encoded), nil
}

// fromFile is a value, or what a file holds.
func fromFile(value Secret, file, field string) (string, error) {
	if file == "" {
		return value.Reveal(), nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	text := strings.TrimSpace(string(content))
	if text == "" || !httpguts.ValidHeaderFieldValue(text) {
		return "", fmt.Errorf("%s: %s must hold one line of text", field, file)
	}
	return text, nil
}
