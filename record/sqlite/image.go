package sqlite

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
)

// image is a database as its files have it, read without SQLite: the file and
// over it the committed pages of the write-ahead log. What is missing reads as
// zeros. See "WAL-Format" in https://sqlite.org/fileformat2.html.
type image struct {
	main, wal *os.File
	pages     uint32
	over      map[uint32]int64 // pages in the log, and where
}

const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // its last bit: words are big-endian
	maxPages    = 1 << 28    // a terabyte; more is damage
)

func openImage(path string) (*image, error) {
	main, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600) // it may be gone, and its log not
	if err != nil {
		return nil, err
	}
	info, err := main.Stat()
	if err != nil {
		main.Close()
		return nil, err
	}
	im := &image{main: main, pages: uint32(min((info.Size()+pageSize-1)/pageSize, maxPages)), over: map[uint32]int64{}}
	im.wal, err = os.Open(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return im, nil
	case err != nil:
		im.close()
		return nil, err
	}
	return im, im.readLog()
}

func (im *image) close() {
	im.main.Close()
	if im.wal != nil {
		im.wal.Close()
	}
}

// readLog takes the frames up to the last commit before the first fault.
func (im *image) readLog() error {
	head := make([]byte, walHeader)
	if _, err := im.wal.ReadAt(head, 0); err != nil {
		return notTheEnd(err)
	}
	magic := binary.BigEndian.Uint32(head)
	if magic&^1 != walMagic || binary.BigEndian.Uint32(head[8:]) != pageSize {
		return nil
	}
	c := walSum{big: magic&1 == 1}
	if c.add(head[:24]); !c.is(head[24:]) {
		return nil
	}
	frame, pending := make([]byte, frameHeader+pageSize), map[uint32]int64{}
	for at := int64(walHeader); ; at += int64(len(frame)) {
		if _, err := im.wal.ReadAt(frame, at); err != nil {
			return notTheEnd(err)
		}
		c.add(frame[:8])
		c.add(frame[frameHeader:])
		if string(frame[8:16]) != string(head[16:24]) || !c.is(frame[16:]) {
			return nil
		}
		pending[binary.BigEndian.Uint32(frame)] = at + frameHeader
		if size := binary.BigEndian.Uint32(frame[4:]); size != 0 {
			im.commit(pending, size)
			clear(pending)
		}
	}
}

func (im *image) commit(pending map[uint32]int64, size uint32) {
	for page, at := range pending {
		im.over[page] = at
	}
	im.pages = min(max(im.pages, size), maxPages)
}

func notTheEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// page reads page n, the first is 1, into buf.
func (im *image) page(n uint32, buf []byte) error {
	clear(buf)
	file, at := im.main, (int64(n)-1)*pageSize
	if where, ok := im.over[n]; ok {
		file, at = im.wal, where
	}
	_, err := file.ReadAt(buf, at)
	return notTheEnd(err)
}

// walSum is the checksum of the write-ahead log.
type walSum struct {
	big    bool
	s0, s1 uint32
}

func (c *walSum) add(data []byte) {
	var order binary.ByteOrder = binary.LittleEndian
	if c.big {
		order = binary.BigEndian
	}
	for ; len(data) >= 8; data = data[8:] {
		c.s0 += order.Uint32(data) + c.s1
		c.s1 += order.Uint32(data[4:]) + c.s0
	}
}

func (c *walSum) is(stored []byte) bool {
	return binary.BigEndian.Uint32(stored) == c.s0 && binary.BigEndian.Uint32(stored[4:]) == c.s1
}
