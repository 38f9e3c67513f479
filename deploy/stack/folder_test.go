package stack

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func day() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// What is made once is kept: written again, a stack is the same to the byte.
func TestSecretsAreMadeOnce(t *testing.T) {
	dir, o := filepath.Join(t.TempDir(), "shop"), Default(Compose, Environments()[1])
	var before []File
	for range 2 {
		m, err := Keep(dir, o, nil, nil, day())
		if err != nil {
			t.Fatal(err)
		}
		files, err := Render(o, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(dir, files, m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, files); before != nil && diff != "" {
			t.Errorf("written again it differs:\n%s", diff)
		}
		before = files
	}
	other, err := Keep(t.TempDir(), o, nil, nil, day())
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := Keep(dir, o, nil, nil, day()); err != nil || kept.RedisPassword == other.RedisPassword {
		t.Errorf("two folders have one password (%v)", err)
	}
}

// Everything that Docker keeps of a stack says whose it is: all environments
// have one name.
func TestServicesAndVolumesSayWhoseTheyAre(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		o.Folder = "/srv/$shop"
		file := parsed(t, o)
		volumes := file["volumes"].(map[string]any)
		for name, s := range servicesOf(t, file) {
			if o.Orchestrator == Swarm {
				s = s["deploy"].(map[string]any)
			}
			volumes["service "+name] = s
		}
		for name, one := range volumes {
			labels, _ := one.(map[string]any)["labels"].(map[string]any)
			if labels["flyball.io/environment"] != o.Environment.Name || labels["flyball.io/folder"] != "/srv/$$shop" {
				t.Errorf("%s: labels %v", name, labels)
			}
		}
		if len(volumes) < 15 {
			t.Errorf("only %d seen", len(volumes))
		}
	})
}

// Only the owner enters the folder, for the files in it are open.
func TestNobodyElseEntersTheFolder(t *testing.T) {
	dir, o := filepath.Join(t.TempDir(), "shop"), Default(Compose, Environments()[0])
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m := known(o)
	if err := Write(dir, rendered(t, o), m); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, ".env": 0o600, ".material.json": 0o600, "prometheus/prometheus.token": 0o644} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, mode %v, want %v", path, err, info.Mode().Perm(), want)
		}
	}
}

// A disk that is full while it is written, or a kill, costs no password: the
// file of the secrets is replaced as a whole.
func TestSecretsAreReplacedAsAWhole(t *testing.T) {
	dir, o := filepath.Join(t.TempDir(), "shop"), Default(Compose, Environments()[0])
	var held []os.FileInfo
	for range 2 {
		if err := Write(dir, rendered(t, o), known(o)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, materialFile))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, info)
	}
	if os.SameFile(held[0], held[1]) {
		t.Error("it was written over in place")
	}
}

// What was written is taken away; what somebody keeps beside it is not.
func TestRemoveLeavesWhatOthersKeep(t *testing.T) {
	dir, o := filepath.Join(t.TempDir(), "shop"), Default(Swarm, Environments()[1])
	files := rendered(t, o)
	if err := Write(dir, files, known(o)); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(dir, "prometheus", "note")
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir, files); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left are %v (%v), want the folder of the note alone", left, err)
	}
	if err := errors.Join(os.Remove(note), Remove(dir, files)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty folder is left: %v", err)
	}
}

// A rehearsal makes its certificate; what is given takes its place, and a
// laptop has none.
func TestCertificates(t *testing.T) {
	dir, staging := t.TempDir(), Default(Compose, Environments()[1])
	m, err := Keep(dir, staging, nil, nil, day())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(m.Certificate, m.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Leaf.VerifyHostname("localhost"); err != nil || pair.Leaf.NotAfter.Before(day()) {
		t.Errorf("the certificate: %v, until %v", err, pair.Leaf.NotAfter)
	}
	if given, err := Keep(dir, staging, []byte("c"), []byte("k"), day()); err != nil || string(given.Certificate) != "c" {
		t.Errorf("given: %q, %v", given.Certificate, err)
	}
	if local, err := Keep(dir, Default(Compose, Environments()[0]), []byte("c"), []byte("k"), day()); err != nil || local.given() {
		t.Errorf("local: %q, %v, want no TLS", local.Certificate, err)
	}
	compose := string(rendered(t, staging)[0].Data)
	if !strings.Contains(compose, "--tls-cert, /run/secrets/tls.crt") {
		t.Errorf("nobody serves with it:\n%s", compose)
	}
}
