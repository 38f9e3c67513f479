package nginx_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/balancer/nginx"
)

// Who has no configuration yet is told which command writes one.
func TestAConfigurationThatIsNotThereIsToBeWritten(t *testing.T) {
	cfg := nginx.Default()
	cfg.Program, cfg.ConfigFile = "true", filepath.Join(t.TempDir(), "nginx.conf")
	found := cfg.Examine(t.Context())
	if len(found) != 1 || !strings.Contains(found[0].Message, cfg.ConfigFile) || !strings.Contains(found[0].Fix, "flyball balancer-config -f FILE > "+cfg.ConfigFile) {
		t.Errorf("got %+v, want the command that writes %s", found, cfg.ConfigFile)
	}
	cfg.Program = "no-such-nginx"
	if found := cfg.Examine(t.Context()); len(found) != 1 || !strings.Contains(found[0].Fix, "install nginx") {
		t.Errorf("got %+v, want that nginx is missing", found)
	}
}
