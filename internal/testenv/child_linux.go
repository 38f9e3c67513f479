package testenv

import (
	"os/exec"
	"syscall"
)

// EndWithTest lets the system kill a program that a test starts, should the
// test be killed before it can.
func EndWithTest(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
