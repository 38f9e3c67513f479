package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/testenv"
	"github.com/flyball-io/flyball/workload"
)

// logging is a real web server that writes an access log.
type logging struct {
	t            *testing.T
	cmd          *exec.Cmd
	address, log string
}

func freeLoopback(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startLogging starts a server with a configuration in which DIR and ADDRESS are
// replaced, and waits until it answers.
func startLogging(t *testing.T, config string, command ...string) *logging {
	t.Helper()
	dir := t.TempDir()
	s := &logging{t: t, address: freeLoopback(t), log: filepath.Join(dir, "access.log")}
	config = strings.NewReplacer("DIR", dir, "ADDRESS", s.address).Replace(config)
	if err := os.WriteFile(filepath.Join(dir, "server.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, word := range command {
		command[i] = strings.ReplaceAll(word, "DIR", dir)
	}
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Stderr = os.Stderr
	testenv.EndWithTest(s.cmd)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	eventually(t, func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// stop ends the server, so that its log is whole.
func (s *logging) stop() {
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}

// ask sends a few requests of every kind again and again until three seconds
// have begun, and returns how many of each.
func (s *logging) ask() (good, missing, odd int) {
	s.t.Helper()
	began := clock.System.Now()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for last := began; last.Unix() < began.Unix()+3; last = clock.System.Now() {
		for path, n := range map[string]*int{"/api/item?id=7": &good, `/nowhere/%22quoted%22`: &missing} {
			response, err := client.Get("http://" + s.address + path)
			if err != nil {
				s.t.Fatal(err)
			}
			response.Body.Close()
			*n++
		}
		s.raw("no HTTP at all\r\n\r\n")
		s.raw("GET /a\"b HTTP/1.1\r\nHost: x\r\nUser-Agent: \"odd\" [10/Oct/2026:13:55:36 +0200]\r\nConnection: close\r\n\r\n")
		odd += 2
	}
	return good, missing, odd
}

// raw sends bytes and waits for the answer.
func (s *logging) raw(text string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, text)
	_, _ = bufio.NewReader(conn).ReadString('\n')
}

const nginxConfig = `
daemon off; pid DIR/pid; error_log DIR/error.log;
events {}
http {
	log_format vhost '$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
	access_log DIR/access.log FORMAT;
	client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
	server { listen ADDRESS; location /api/ { return 200 ok; } location / { return 404; } }
}`

const apacheConfig = `
ServerRoot DIR
ServerName shop.test
PidFile DIR/pid
ErrorLog DIR/error.log
Listen ADDRESS
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
DocumentRoot DIR
RedirectMatch 302 ^/api/.* /there
LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined
LogFormat "%h %l %u %t \"%r\" %>s %b" common
CustomLog DIR/access.log FORMAT
`

// What real servers log of real requests is counted to the last one, as their
// own access logs are written: odd requests and all.
func TestImportCountsWhatRealServersLogged(t *testing.T) {
	for _, tc := range []struct{ server, format, good string }{
		{"nginx", "combined", "200"}, {"nginx", "vhost", "200"},
		{"apache2", "common", "302"}, {"apache2", "vhost_combined", "302"},
	} {
		t.Run(tc.server+" "+tc.format, func(t *testing.T) {
			t.Parallel()
			program := testenv.Command(t, tc.server)
			var s *logging
			if tc.server == "nginx" {
				s = startLogging(t, strings.ReplaceAll(nginxConfig, "FORMAT", tc.format), program, "-p", "DIR", "-e", "DIR/error.log", "-c", "DIR/server.conf")
			} else {
				s = startLogging(t, strings.ReplaceAll(apacheConfig, "FORMAT", tc.format), program, "-X", "-f", "DIR/server.conf")
			}
			good, missing, odd := s.ask()
			s.stop()
			for _, filter := range []struct {
				args []string
				want int
			}{
				{nil, good + missing + odd},
				{[]string{"--match", `^/api/item\?id=7$`}, good},
				{[]string{"--exclude", "^/api/"}, missing + odd},
				{[]string{"--status", tc.good}, good},
			} {
				out := filepath.Join(t.TempDir(), "trace.csv.gz")
				stdout, stderr, status := execute(t.Context(), append([]string{"import", "trace", "--from-log", s.log, "--out", out, "--json"}, filter.args...)...)
				if status != 0 {
					t.Fatal(stderr)
				}
				var summary importSummary
				if err := json.Unmarshal([]byte(stdout), &summary); err != nil {
					t.Fatal(err)
				}
				if summary.Requests != float64(filter.want) || summary.Log.Malformed != 0 {
					t.Errorf("%v: counted %v requests, %d malformed lines; want %d and none: %+v", filter.args, summary.Requests, summary.Log.Malformed, filter.want, summary.Log.Examples)
				}
				trace, err := workload.OpenTrace(out)
				if err != nil {
					t.Fatal(err)
				}
				if got := trace.Expected(trace.Duration()); int(got+0.5) != filter.want {
					t.Errorf("%v: the trace holds %v requests, want %d", filter.args, got, filter.want)
				}
			}
		})
	}
}
