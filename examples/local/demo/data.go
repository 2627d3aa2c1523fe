package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// noise returns n bytes that cannot be compressed and differ by seed.
func noise(seed byte, n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), n)
}

// writeNoise fills a file or a device with n bytes, syncs it, and returns their
// checksum.
func writeNoise(path string, seed byte, n int64) (checksum string, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(f, io.TeeReader(noise(seed, n), hash)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), f.Sync()
}

// verify reads n bytes and compares their checksum.
func verify(path string, n int64, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if got, err := io.Copy(hash, io.LimitReader(f, n)); err != nil || got != n {
		return fmt.Errorf("%s: read %d of %d bytes: %w", path, got, n, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("%s: the checksum is %.12s, but %.12s was written", path, got, want)
	}
	return nil
}

// A load is a file that is written while something else happens.
type load struct {
	path    string
	bytes   int64
	started chan struct{} // closed when the first bytes are on disk
	ended   chan struct{} // closed to make it end
}

func newLoad(path string) *load {
	return &load{path: path, started: make(chan struct{}), ended: make(chan struct{})}
}

// run writes and syncs until ended is closed, but at least one piece after it,
// and returns the checksum of all.
func (l *load) run() (string, error) {
	const piece, most = 2 * mib, 192 * mib
	f, err := os.Create(l.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	source := io.TeeReader(noise(7, most+piece), hash)
	for ending := false; !ending; {
		select {
		case <-l.ended:
			ending = true
		default:
			if l.bytes >= most { // enough for a slow machine: wait for the end
				<-l.ended
				ending = true
			}
		}
		if _, err := io.CopyN(f, source, piece); err != nil {
			return "", err
		}
		if err := f.Sync(); err != nil {
			return "", err
		}
		if l.bytes += piece; l.bytes == piece {
			close(l.started)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
