package notify

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// The vector is that of Svix, who wrote the standard; openssl makes the same of
// it: openssl dgst -sha256 -mac HMAC -macopt hexkey:….
func TestASignatureIsThatOfTheStandard(t *testing.T) {
	const id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	const key, want = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	at := time.Unix(1614265330, 900_000_000) // within the second that is signed
	header := http.Header{}
	keys := &signingKeys{given: []scale.Secret{key}}
	if err := keys.sign(header, id, at, []byte(body)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"webhook-id": id, "webhook-timestamp": "1614265330", "webhook-signature": want} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	// While keys are replaced both sign, the first first.
	keys.given = append(keys.given, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
	if err := keys.sign(header, id, at, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(header.Get("webhook-signature")); len(got) != 2 || got[0] != want || got[1] == want || !strings.HasPrefix(got[1], "v1,") {
		t.Errorf("two keys: got %q, want two signatures, the first %s", got, want)
	}
}

func TestAReceiverWithoutKeysIsSentNoSignature(t *testing.T) {
	header := http.Header{}
	if err := (&signingKeys{}).sign(header, "a", time.Unix(1, 0), nil); err != nil || header.Get("webhook-id") != "a" || header.Get("webhook-signature") != "" {
		t.Errorf("got %v, %v, want the id and no signature", header, err)
	}
}
