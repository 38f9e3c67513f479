package accesslog_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/flyball-io/flyball/workload/accesslog"
)

func Example() {
	const log = `203.0.113.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 2326
203.0.113.9 - - [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 200 512
203.0.113.7 - - [10/Oct/2026:13:55:38 +0200] "GET /b HTTP/1.1" 404 12
`
	requests, err := accesslog.NewCounter(accesslog.Options{Step: time.Second})
	if err == nil {
		err = requests.Read("access.log", strings.NewReader(log))
	}
	if err == nil {
		err = requests.Rows(func(at time.Duration, rps float64) error {
			_, err := fmt.Println(at, rps)
			return err
		})
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0s 2
	// 1s 0
	// 2s 1
}
