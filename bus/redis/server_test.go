package redis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for address, want := range map[string]Server{
		"redis://127.0.0.1:6380/2":            {Network: "tcp", Address: "127.0.0.1:6380", Database: 2},
		"redis://:secret@redis":               {Network: "tcp", Address: "redis:6379", Password: "secret"},
		"rediss://me:s%40t@[::1]:7/":          {Network: "tcp", Address: "[::1]:7", Username: "me", Password: "s@t", Encrypted: true},
		"unix:///run/redis/redis.sock?db=3":   {Network: "unix", Address: "/run/redis/redis.sock", Database: 3},
		"redis://redis.example.com:6379/0000": {Network: "tcp", Address: "redis.example.com:6379"},
	} {
		got, err := Parse(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
	for address, why := range map[string]string{
		"redis":                       "must begin with redis://",
		"http://redis:6379":           "must begin with redis://",
		"redis://":                    "names no host",
		"redis://:secret@host:p":      "invalid port",
		"redis://host/secret":         "must be a number",
		"redis://host/-1":             "must be a number",
		"redis://:secret@ho st":       "invalid character",
		"unix:///run/redis?db=secret": "must be a number",
	} {
		_, err := Parse(address)
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), ":secret@") {
			t.Errorf("%s: got %v, want %q and no password", address, err, why)
		}
	}
}
