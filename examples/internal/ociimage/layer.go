package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// rootfsLayer writes a directory as a layer: owners, modes and links are kept,
// times are not, so that equal directories are equal layers. Sockets and devices
// are left out: a runtime makes its own.
func rootfsLayer(w io.Writer, root string) error {
	t := tar.NewWriter(w)
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Mode()&(fs.ModeSocket|fs.ModeDevice|fs.ModeNamedPipe) != 0 {
			return err
		}
		return add(t, filepath.ToSlash(rel), name, info)
	})
	return errors.Join(err, t.Close())
}

// filesLayer writes single files, with the directories that lead to them.
func filesLayer(w io.Writer, files []file) error {
	t, made := tar.NewWriter(w), map[string]bool{".": true}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.dst, b.dst) })
	for _, f := range files {
		dst := strings.TrimPrefix(path.Clean(f.dst), "/")
		for i, r := range dst {
			if r != '/' || made[dst[:i]] {
				continue
			}
			made[dst[:i]] = true
			if err := t.WriteHeader(&tar.Header{Name: dst[:i] + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
				return err
			}
		}
		info, err := os.Stat(f.src)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: dst, Typeflag: tar.TypeReg, Mode: int64(info.Mode().Perm()), Size: info.Size()}
		if err := errors.Join(t.WriteHeader(h), copyFile(t, f.src)); err != nil {
			return err
		}
	}
	return t.Close()
}

// add writes one entry of a root file system.
func add(t *tar.Writer, rel, name string, info fs.FileInfo) error {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(name); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target) // takes the owner from the system
	if err != nil {
		return err
	}
	plain := &tar.Header{Name: rel, Typeflag: h.Typeflag, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, Size: h.Size, Linkname: target, Format: tar.FormatPAX}
	if info.IsDir() {
		plain.Name += "/"
	}
	if err := t.WriteHeader(plain); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return copyFile(t, name)
}

func copyFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
