package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
)

// document reads the documents as flyball run does.
func (p *patient) document(context.Context) {
	if len(p.Files) == 0 {
		p.note("", "no document was named, so nothing that depends on one is checked", "name it with -f FILE; flyball init writes one")
		return
	}
	docs, err := v1alpha1.Loader{Plugins: p.plugins, Env: env, Stdin: bytes.NewReader(p.Stdin)}.Load(p.Files)
	var specs []app.Spec
	if err == nil {
		specs, err = app.NewSpecs(docs, p.plugins)
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			p.fail("", strings.TrimSpace(line), "correct the line; docs/document.md lists every field")
		}
		return
	}
	p.docs, p.specs = docs, specs
	p.place()
	for i := range specs {
		p.ok(specs[i].Name, "the document is valid")
	}
}

// expiresSoon is when the end of a certificate is worth a word.
const expiresSoon = 14 * 24 * time.Hour

// tls reads the certificates of the balancers and of the API.
func (p *patient) tls(context.Context) {
	for i := range p.specs {
		if proxy := front(&p.specs[i]); proxy != nil && proxy.TLS != nil {
			p.certificate(p.specs[i].Name, proxy.TLS.CertFile, proxy.TLS.KeyFile)
		}
	}
	if p.TLSCert != "" || p.TLSKey != "" {
		p.certificate("", p.TLSCert, p.TLSKey)
	}
}

func (p *patient) certificate(target, certFile, keyFile string) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		p.fail(target, err.Error(), "name a certificate and its key, both in PEM form and readable by this user")
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		p.fail(target, certFile+": "+err.Error(), "name another certificate")
		return
	}
	now, name := p.Clock.Now(), filepath.Base(certFile)
	switch left := leaf.NotAfter.Sub(now); {
	case left < 0:
		p.fail(target, fmt.Sprintf("%s expired on %s", name, leaf.NotAfter.Format(time.DateOnly)), "renew it; changed files are read without a restart")
	case now.Before(leaf.NotBefore):
		p.fail(target, fmt.Sprintf("%s is not valid before %s", name, leaf.NotBefore.Format(time.DateTime)), "wait, or set the clock of this machine")
	case left < expiresSoon:
		p.note(target, fmt.Sprintf("%s expires on %s", name, leaf.NotAfter.Format(time.DateOnly)), "renew it; changed files are read without a restart")
	default:
		p.ok(target, fmt.Sprintf("%s fits its key and is valid until %s", name, leaf.NotAfter.Format(time.DateOnly)))
	}
}

// reason is the innermost text of a wrapped error.
func reason(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}
