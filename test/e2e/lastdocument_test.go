package e2e

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// The last document of a folder can be removed like any other: its service is
// drained and ends, and the controller waits for the next one. One that is given
// another name ends under the old one before it begins under the new.
func TestTheLastDocumentIsRemoved(t *testing.T) {
	p := newPlace(t)
	shop := document{name: "shop", port: freePort(t), min: 2, max: 2}
	p.write("documents/shop.yaml", p.text(shop))
	c := p.control("-f", filepath.Join(p.dir, "documents"))
	p.settled("shop", 2)
	shop.name = "store"
	p.write("documents/shop.yaml", p.text(shop))
	p.settled("store", 2)
	if n := len(p.replicas("shop")); n != 0 {
		t.Errorf("%d replicas have the old name", n)
	}
	p.remove("documents/shop.yaml")
	eventually(t, 2*patience, "nothing of it is left", func() bool { return len(p.replicas("store")) == 0 && len(p.proxies("store")) == 0 },
		func() string { return fmt.Sprint(p.replicas("store"), p.proxies("store")) })
	p.write("documents/shop.yaml", p.text(shop))
	p.settled("store", 2)
	c.ends(syscall.SIGTERM, 0)
}
