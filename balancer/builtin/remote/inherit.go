package remote

import (
	"fmt"
	"net"
	"os"
)

// firstFile is the descriptor of the first inherited file.
const firstFile = 3

// started is what a process writes to the file "ready" once it serves;
// anything else there says why it does not.
const started = "started"

// inheritance is the files a process was started with, by name.
type inheritance map[string]*os.File

func inherit(names []string, handles []uintptr) inheritance {
	files := inheritance{}
	for i, name := range names {
		number := uintptr(firstFile + i)
		if i < len(handles) {
			number = handles[i]
		}
		files[name] = os.NewFile(number, name)
	}
	return files
}

// take returns a file that the caller closes; nil when there is none.
func (f inheritance) take(name string) *os.File {
	file := f[name]
	delete(f, name)
	return file
}

// listener returns an inherited listener; nil when there is none.
func (f inheritance) listener(name string) (net.Listener, error) {
	file := f.take(name)
	if file == nil {
		return nil, nil
	}
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("inherit %s: %w", name, err)
	}
	return l, nil
}

// report tells the starter that the process serves, or why not.
func (f inheritance) report(err error) {
	ready := f.take("ready")
	if ready == nil {
		return
	}
	defer ready.Close()
	text := started
	if err != nil {
		text = err.Error()
	}
	fmt.Fprint(ready, text) // a starter that is gone needs no report
}

func (f inheritance) close() {
	for _, file := range f {
		file.Close()
	}
}
