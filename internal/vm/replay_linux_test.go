package vm

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The log of the dm-log-writes target, see drivers/md/dm-log-writes.c: a super
// block, then for each request one sector that describes it and its data.
const (
	logMagic = 0x6a736677736872

	logFlush   = 1
	logFUA     = 2
	logDiscard = 4
	logMark    = 8
)

// A logEntry is one request that the device completed, in the order in which it
// became durable.
type logEntry struct {
	sector, sectors int64
	flags           uint64
	mark            string
	data            int64 // where it is in the log
}

// durable says that everything up to the entry is on the disk when it has
// completed: a crash can leave just that.
func (e logEntry) durable() bool { return e.flags&(logFlush|logFUA) != 0 }

func readLog(t testing.TB, path string) (log *os.File, entries []logEntry) {
	t.Helper()
	log, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	var super [28]byte
	_, err = log.ReadAt(super[:], 0)
	require.NoError(t, err)
	field := func(b []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	require.EqualValues(t, logMagic, field(super[:], 0), "magic")
	require.EqualValues(t, 1, field(super[:], 1), "version")
	require.EqualValues(t, sector, binary.LittleEndian.Uint32(super[24:]), "sector size")
	at := int64(sector)
	for range field(super[:], 2) {
		var b [sector]byte
		_, err = log.ReadAt(b[:], at)
		require.NoError(t, err)
		at += sector
		e := logEntry{sector: field(b[:], 0), sectors: field(b[:], 1), flags: uint64(field(b[:], 2)), data: at}
		if e.flags&logMark != 0 {
			e.mark = string(b[32 : 32+field(b[:], 3)])
		}
		if e.flags&(logDiscard|logMark) == 0 {
			at += e.sectors * sector
		}
		entries = append(entries, e)
	}
	return log, entries
}

// apply makes on the image what the entry did to the disk.
func (e logEntry) apply(log, image *os.File) error {
	switch {
	case e.flags&logMark != 0 || e.sectors == 0:
		return nil
	case e.flags&logDiscard != 0:
		return unix.Fallocate(int(image.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, e.sector*sector, e.sectors*sector)
	}
	data := make([]byte, e.sectors*sector)
	if _, err := log.ReadAt(data, e.data); err != nil && err != io.EOF {
		return fmt.Errorf("data of a request in the log: %w", err)
	}
	_, err := image.WriteAt(data, e.sector*sector)
	return err
}
