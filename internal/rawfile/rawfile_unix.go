//go:build unix

package rawfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// bufferSize is more than what a file of the kernel or a record of ours has.
const bufferSize = 4 << 10

// Open is [os.OpenFile]. Reads and writes of the file hold a thread, and
// deadlines are not for it.
func Open(path string, flags int, perm os.FileMode) (*os.File, error) {
	fd, err := open(path, flags, perm)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Read is [os.ReadFile] for small files.
func Read(path string) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	for data := make([]byte, 0, bufferSize); ; {
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return data, nil
		}
		if data = data[:len(data)+n]; len(data) == cap(data) {
			data = append(make([]byte, 0, 4*cap(data)), data...)
		}
	}
}

func open(path string, flags int, perm os.FileMode) (fd int, err error) {
	for {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, uint32(perm.Perm()))
		switch err {
		case nil:
			return fd, nil
		case unix.EINTR:
			continue
		}
		return fd, &os.PathError{Op: "open", Path: path, Err: err}
	}
}
