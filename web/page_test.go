package web_test

import (
	"fmt"
	"testing"
	"time"
)

func TestPageOfOneTarget(t *testing.T) {
	b := newBrowser(t)
	s := open(t, "", demo())
	s.play(800)
	b.size(1440, 900, false)
	b.scheme("light")
	b.open(s.url(""))
	b.sees("h1", "shop-web") // the only target is opened at once
	b.sees(".numbers", "/s")
	b.shoot("first")
	stop := s.live()
	defer stop()
	time.Sleep(3 * time.Second)
	b.shoot("target-light")
	b.click(".decisions > li.change .line")
	b.shoot("target-trail")
	b.scheme("dark")
	b.shoot("target-dark")
	b.size(390, 844, true)
	b.shoot("phone-dark")
	b.scheme("light")
	for i := range 4 {
		script[int](b, "window.scrollTo(0, %d), 1", i*800)
		b.shoot(fmt.Sprintf("phone-light-%d", i))
	}
	b.clean(s.address)
}
