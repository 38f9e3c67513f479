package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Headers of a signed request, as Standard Webhooks names them
// (https://www.standardwebhooks.com).
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// Length of a key in bytes, by the same standard.
const shortestKey, longestKey = 24, 64

const mostKeys = 4

// signingKeys sign requests: each of them, so that a receiver that knows one
// believes it.
type signingKeys struct {
	given []scale.Secret
	file  string // read for each request
}

var errKey = errors.New("must be whsec_ and 24 to 64 bytes in base64: make one with echo whsec_$(openssl rand -base64 32)")

func decodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil || len(key) < shortestKey || len(key) > longestKey {
		return nil, errKey
	}
	return key, nil
}

// read returns the keys as they are now; none: requests are not signed.
func (k *signingKeys) read() ([][]byte, error) {
	texts := make([]string, 0, mostKeys)
	for _, secret := range k.given {
		texts = append(texts, secret.Reveal())
	}
	if k.file != "" {
		content, err := os.ReadFile(k.file)
		if err != nil {
			return nil, fmt.Errorf("signingKeyFile: %w", err)
		}
		if texts = strings.Fields(string(content)); len(texts) == 0 || len(texts) > mostKeys {
			return nil, fmt.Errorf("signingKeyFile: %s must hold 1 to %d keys, one a line, and has %d", k.file, mostKeys, len(texts))
		}
	}
	var keys [][]byte
	for i, text := range texts {
		key, err := decodeKey(text)
		if err != nil {
			return nil, fmt.Errorf("signing key %d %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// sign sets the headers: the signature is the HMAC-SHA256 of "id.seconds.body"
// by each key, in base64 after the version "v1,".
func (k *signingKeys) sign(header http.Header, id string, now time.Time, body []byte) error {
	keys, err := k.read()
	if err != nil {
		return err
	}
	seconds := strconv.FormatInt(now.Unix(), 10)
	header.Set(headerID, id)
	header.Set(headerTimestamp, seconds)
	var signatures []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + seconds + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) > 0 {
		header.Set(headerSignature, strings.Join(signatures, " "))
	}
	return nil
}
