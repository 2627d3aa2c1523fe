package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/csikit/csikit/internal/durable"
	"github.com/csikit/csikit/internal/looptest"
)

// absent stands for a file that is not there.
const absent = ""

// What internal/durable has said is done outlives a loss of power at any moment
// after it, and a file is never half of anything: the record of a volume, and the
// mark that it has been formatted, are such files (R1, ruling 25).
func TestDurable_PowerFails(t *testing.T) {
	long := strings.Repeat("four ", 20<<10)
	// contents is what the file holds after each step.
	contents := []string{absent, "one", "two", absent, long, "five"}
	for _, v := range recorded {
		t.Run(v.fstype, func(t *testing.T) {
			m := newMapping(t, v.size)
			run(t, "mkfs."+v.fstype, m.path())
			run(t, "sync")
			base := copyImage(t, m.image)
			log := m.record()
			mounted(t, m.path(), v.fstype, func(dir string) {
				path := filepath.Join(dir, "file")
				for i, text := range contents[1:] {
					if text == absent {
						require.NoError(t, durable.Remove(path))
					} else {
						require.NoError(t, durable.WriteFile(path, []byte(text), 0o600))
					}
					m.mark(fmt.Sprint(i + 1))
				}
			})
			m.end()
			replayFile(t, v.fstype, base, log, contents)
		})
	}
}

// replayFile cuts the power after each request that made something durable, and
// at each mark. After the mark of a step the file is as that step left it, or as
// the next one, which may have begun, leaves it.
func replayFile(t *testing.T, fstype, base, logImage string, contents []string) {
	log, entries := readLog(t, logImage)
	path := copyImage(t, base)
	image, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, image.Close()) }()
	done, cuts := 0, 0
	for i, e := range entries {
		require.NoError(t, e.apply(log, image))
		switch {
		case e.mark == fmt.Sprint(done+1):
			done++
		case !e.durable():
			continue
		}
		cuts++
		ok := t.Run(fmt.Sprintf("request %d of %d, after step %d", i+1, len(entries), done), func(t *testing.T) {
			mounted(t, looptest.Attach(t, copyImage(t, path)), fstype, func(dir string) {
				require.Contains(t, contents[done:min(done+2, len(contents))], contentOf(t, filepath.Join(dir, "file")))
			})
		})
		if !ok {
			return
		}
	}
	require.Equal(t, len(contents)-1, done)
	t.Logf("measured: durable on %s: %d requests, %d cuts replayed, 0 violations", fstype, len(entries), cuts)
}

func contentOf(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return absent
	}
	require.NoError(t, err)
	require.NotEmpty(t, data, "the file is there, and empty")
	return string(data)
}

// mounted runs f with a device mounted at dir.
func mounted(t *testing.T, device, fstype string, f func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, unix.Mount(device, dir, fstype, 0, ""))
	defer func() { require.NoError(t, unix.Unmount(dir, 0)) }()
	f(dir)
}
