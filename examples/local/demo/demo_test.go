package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The demo is believed because it compares checksums: these tests show that it
// would notice.

func TestVerifyNoticesOneFlippedBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	sum, err := writeNoise(path, 1, 3*mib)
	require.NoError(t, err)
	require.NoError(t, verify(path, 3*mib, sum))

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[2*mib] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	assert.ErrorContains(t, verify(path, 3*mib, sum), "the checksum is")
	assert.ErrorContains(t, verify(path, 4*mib, sum), "read 3145728 of 4194304 bytes")
}

func TestLoadWritesUntilItIsEnded(t *testing.T) {
	l := newLoad(filepath.Join(t.TempDir(), "load"))
	type result struct {
		sum string
		err error
	}
	done := make(chan result)
	go func() {
		sum, err := l.run()
		done <- result{sum, err}
	}()
	<-l.started
	close(l.ended)
	r := <-done
	require.NoError(t, r.err)
	assert.GreaterOrEqual(t, l.bytes, 4*mib, "one piece before the end was asked for, one after")
	assert.NoError(t, verify(l.path, l.bytes, r.sum))
}

func TestTelling(t *testing.T) {
	assert.Equal(t, []string{"one two", "three", "a-word-too-long", "x"}, wrap("one two three a-word-too-long x", 8))
	assert.Equal(t, "1.5 GiB", size(3*gib/2))
	assert.Equal(t, "512 B", size(512))
	s := story{}
	assert.Equal(t, "plain", s.paint(red, "plain"), "no colours unless on a terminal")
}
