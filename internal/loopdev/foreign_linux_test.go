package loopdev_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/fs"
	"github.com/csikit/csikit/internal/loopdev"
	"github.com/csikit/csikit/internal/looptest"
	"github.com/csikit/csikit/internal/rawfile"
)

// R14: the kernel asks the server of a backing file, and somebody else's may be
// silent or dead. That must neither keep nor fail those who look for other
// devices; but a file that may be the one which is attached is not free.
func TestR14_ALoopDeviceThatCannotBeAsked(t *testing.T) {
	looptest.NeedRoot(t)
	old := loopdev.SetPatience(100 * time.Millisecond)
	t.Cleanup(func() { loopdev.SetPatience(old) })
	s := serve(t)
	// Not by package os: its poller would ask the server, which is this process and
	// could not answer if the runtime waited for that call meanwhile.
	backing, err := rawfile.Open(filepath.Join(s.dir, "volume", "image"), os.O_RDONLY, 0)
	require.NoError(t, err)
	foreign, err := loopdev.Attach(t.Context(), backing, loopdev.Options{ReadOnly: true, Autoclear: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, loopdev.Detach(foreign)); _ = foreign.Close(); _ = backing.Close() })

	const others, same = "other/image", "volume/image" // what sysfs says tells only the former apart
	for _, c := range []struct {
		name string
		now  func()
		path string
		ok   bool
	}{
		{"it answers", func() {}, same, true},
		{"silent", s.silence, others, true},
		{"silent", func() {}, same, false},
		{"answers again", s.answer, same, true},
		{"dead", s.die, others, true},
		{"dead", func() {}, same, false},
	} {
		t.Run(c.name+" "+c.path, func(t *testing.T) {
			c.now()
			image := filepath.Join(looptest.Dir(t), c.path)
			require.NoError(t, os.Mkdir(filepath.Dir(image), 0o700))
			require.NoError(t, os.WriteFile(image, make([]byte, 1<<20), 0o600))
			f, err := os.OpenFile(image, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			begin := time.Now()
			for _, call := range []func() error{
				func() error { _, err := loopdev.Ensure(t.Context(), f); return err },
				func() error { _, err := loopdev.Find(f); return err },
				func() error { _, err := loopdev.Of(f); return err },
				func() error { return loopdev.Follow(f) },
				func() error { return loopdev.DetachAll(t.Context(), f) },
				func() error { _, err := loopdev.Unused(t.Context(), f); return err },
			} {
				if err := call(); c.ok {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, foreign.Name())
				}
			}
			require.Less(t, time.Since(begin), 3*time.Second, "one look waits, the others know")
		})
		t.Run(c.name+": another device is free (R6)", func(t *testing.T) {
			d, err := fs.Open(looptest.Device(t, 1<<20))
			require.NoError(t, err)
			defer d.Close()
			require.NoError(t, d.Exclusive())
		})
	}
}

// A server is a FUSE file system with the file volume/image of 1 MiB.
type server struct {
	dir                  string
	silence, answer, die func()
}

func serve(t *testing.T) server {
	t.Helper()
	daemon, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs /dev/fuse: modprobe fuse")
	}
	require.NoError(t, err)
	fd, dir := int(daemon.Fd()), looptest.Dir(t)
	require.NoError(t, unix.Mount("foreign", dir, "fuse.foreign", 0, "rootmode=40000,user_id=0,group_id=0,fd="+strconv.Itoa(fd)))
	// The requests go through a pipe of one, which silence keeps from moving.
	turn, done := make(chan struct{}, 1), make(chan struct{})
	turn <- struct{}{}
	silent := false
	s := server{
		dir:     dir,
		silence: func() { <-turn; silent = true },
		answer: func() {
			turn <- struct{}{}
			silent = false
			require.Eventually(t, loopdev.Quiet, 10*time.Second, time.Millisecond)
		},
		die: func() {
			require.NoError(t, unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH))
			<-done
			require.NoError(t, daemon.Close())
		},
	}
	go func() {
		defer close(done)
		for b := make([]byte, 1<<20); ; {
			n, err := unix.Read(fd, b)
			if err != nil {
				return
			}
			if binary.LittleEndian.Uint32(b[4:]) == getattr {
				<-turn
				turn <- struct{}{}
			}
			if out := reply(b[:n]); out != nil {
				_, _ = unix.Write(fd, out)
			}
		}
	}()
	t.Cleanup(func() {
		if silent {
			s.answer()
		}
		select {
		case <-done:
		default:
			s.die()
		}
	})
	return s
}

// Operations of FUSE (include/uapi/linux/fuse.h).
const (
	lookup, forget, getattr, open, read, initialise, batchForget = 1, 2, 3, 14, 15, 26, 42
)

// reply answers a request; nodes are 1 for the root, 2 for the directory and 3
// for the image. Times are zero: the kernel asks anew each time.
func reply(request []byte) []byte {
	le := binary.LittleEndian
	node := le.Uint64(request[16:])
	var out []byte
	var code int32
	switch le.Uint32(request[4:]) {
	case initialise:
		out = make([]byte, 64)
		le.PutUint32(out, 7)
		le.PutUint32(out[4:], 31)
		le.PutUint32(out[20:], 4096)
	case lookup:
		out = append(make([]byte, 40), attributes(node+1)...)
		le.PutUint64(out, node+1)
	case getattr:
		out = append(make([]byte, 16), attributes(node)...)
	case open:
		out = make([]byte, 16)
	case read:
		out = make([]byte, le.Uint32(request[56:]))
	case forget, batchForget:
		return nil
	default:
		code = -int32(unix.ENOSYS)
	}
	h := make([]byte, 16)
	le.PutUint32(h, uint32(16+len(out)))
	le.PutUint32(h[4:], uint32(code))
	copy(h[8:], request[8:16])
	return append(h, out...)
}

func attributes(node uint64) []byte {
	a, le := make([]byte, 88), binary.LittleEndian
	le.PutUint64(a, node)
	mode := uint32(unix.S_IFDIR | 0o755)
	if node == 3 {
		mode = unix.S_IFREG | 0o600
		le.PutUint64(a[8:], 1<<20)
	}
	le.PutUint32(a[60:], mode)
	le.PutUint32(a[64:], 1)
	le.PutUint32(a[80:], 4096)
	return a
}
