package memory_test

import (
	"testing"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/bus/bustest"
	"github.com/flyball-io/flyball/bus/memory"
)

func TestBus(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return memory.New() })
}

func TestDurable(t *testing.T) {
	b := memory.New()
	bustest.RunDurable(t, func(*testing.T) bus.Bus { return b })
}
