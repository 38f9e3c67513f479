package cgroups

import "syscall"

// errNoDevice is what reading a file of a group says that ended since the
// file was opened.
const errNoDevice = syscall.ENODEV
