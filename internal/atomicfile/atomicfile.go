// Package atomicfile replaces a file as a whole: whoever reads it, and whatever
// ends when, finds the old content or the new one.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts data in the place of a file, which need not be there, on disk and
// with exactly that mode. One writer at a time: what is not finished is called
// as the file with .new after it. A write that fails removes it, since it may be
// what fills the disk; what an end in the middle left is replaced by the next.
func Write(path string, data []byte, mode fs.FileMode) error {
	fresh := path + ".new"
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err == nil {
		err = rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh) // what failed is worth telling
		return err
	}
	return syncDir(filepath.Dir(path))
}
