// Command loadtest is what containers run whose use is measured.
//
//	loadtest busy       computes for ever
//	loadtest files 64   writes 64 MiB to a file and reads them, keeps 40 MiB of
//	                    memory, and takes what comes on port 8080
//	loadtest has FILE   says to a health check whether there is a file: /written
//	                    is there once everything is written
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
)

var spun atomic.Int64

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "busy":
		for n := 0; ; n++ {
			spun.Store(int64(n)) // so that it is not for nothing
		}
	case len(args) == 2 && args[0] == "has":
		_, err := os.Stat(args[1])
		return err
	case len(args) == 2 && args[0] == "files":
		mib, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if err := files(mib); err != nil {
			return err
		}
		if err := os.WriteFile("/written", nil, 0o600); err != nil {
			return err
		}
		kept := bytes.Repeat([]byte{1}, 40<<20)
		defer runtime.KeepAlive(kept)
		return take()
	}
	return fmt.Errorf("told to %v", args)
}

// files fills the kernel's cache of pages.
func files(mib int) error {
	file, err := os.Create("/big")
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 1<<20)
	for i := range mib {
		block[0] = byte(i)
		if _, err := file.Write(block); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, file)
	return err
}

// take takes what comes.
func take() error {
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }()
	}
}
