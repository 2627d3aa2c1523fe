package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A blob is content, known by its digest: a file or a few bytes.
type blob struct {
	digest string // hex of its SHA-256
	size   int64
	file   string
	bytes  []byte
}

// descriptor is how OCI refers to a blob (image-spec, descriptor.md).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const mediaType = "application/vnd.oci.image."

func (b blob) describe(kind string) descriptor {
	return descriptor{MediaType: mediaType + kind, Digest: "sha256:" + b.digest, Size: b.size}
}

// write makes the archive; a failure leaves none.
func write(o options) (err error) {
	work, err := os.MkdirTemp(filepath.Dir(o.out), ".ociimage-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	layers, err := makeLayers(o, work)
	if err != nil {
		return err
	}
	blobs, index, err := describe(o, layers)
	if err != nil {
		return err
	}
	partial := filepath.Join(work, "archive")
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	if err := errors.Join(pack(f, blobs, index), f.Close()); err != nil {
		return err
	}
	return os.Rename(partial, o.out)
}

func makeLayers(o options, work string) (layers []blob, err error) {
	if o.rootfs != "" {
		b, err := layer(filepath.Join(work, "rootfs"), func(w io.Writer) error { return rootfsLayer(w, o.rootfs) })
		if err != nil {
			return nil, fmt.Errorf("the root file system %s: %w", o.rootfs, err)
		}
		layers = append(layers, b)
	}
	if len(o.files) > 0 {
		b, err := layer(filepath.Join(work, "files"), func(w io.Writer) error { return filesLayer(w, o.files) })
		if err != nil {
			return nil, err
		}
		layers = append(layers, b)
	}
	return layers, nil
}

// layer writes a blob to a file and digests it on the way.
func layer(name string, fill func(io.Writer) error) (blob, error) {
	f, err := os.Create(name)
	if err != nil {
		return blob{}, err
	}
	sum := sha256.New()
	err = fill(io.MultiWriter(f, sum))
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Close()); err != nil {
		return blob{}, err
	}
	return blob{digest: fmt.Sprintf("%x", sum.Sum(nil)), size: info.Size(), file: name}, nil
}

func jsonBlob(v any) (blob, error) {
	text, err := json.Marshal(v)
	return blob{digest: fmt.Sprintf("%x", sha256.Sum256(text)), size: int64(len(text)), bytes: text}, err
}

// describe makes the image's config, its manifest and the archive's index
// (image-spec, config.md, manifest.md, image-index.md).
func describe(o options, layers []blob) (blobs []blob, index []byte, err error) {
	var ids []string
	var refs []descriptor
	for _, l := range layers {
		ids, refs = append(ids, "sha256:"+l.digest), append(refs, l.describe("layer.v1.tar"))
	}
	config, err := jsonBlob(map[string]any{
		"architecture": o.arch, "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": ids},
		"config": map[string]any{"Entrypoint": []string{o.entrypoint}, "Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
	})
	if err != nil {
		return nil, nil, err
	}
	manifest, err := jsonBlob(map[string]any{
		"schemaVersion": 2, "mediaType": mediaType + "manifest.v1+json", "config": config.describe("config.v1+json"), "layers": refs,
	})
	if err != nil {
		return nil, nil, err
	}
	entry := manifest.describe("manifest.v1+json")
	entry.Annotations = map[string]string{"io.containerd.image.name": o.name, "org.opencontainers.image.ref.name": o.name}
	index, err = json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": mediaType + "index.v1+json", "manifests": []descriptor{entry}})
	return append(layers, config, manifest), index, err
}

// pack writes the OCI layout (image-spec, image-layout.md) as a tar.
func pack(w io.Writer, blobs []blob, index []byte) error {
	t := tar.NewWriter(w)
	small := func(name string, text []byte) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err := io.Copy(t, bytes.NewReader(text))
		return err
	}
	err := errors.Join(small("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)), small("index.json", index))
	for _, dir := range []string{"blobs/", "blobs/sha256/"} {
		err = errors.Join(err, t.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}))
	}
	if err != nil {
		return err
	}
	for _, b := range blobs {
		name := "blobs/sha256/" + b.digest
		if b.file == "" {
			if err := small(name, b.bytes); err != nil {
				return err
			}
			continue
		}
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: b.size}); err != nil {
			return err
		}
		if err := copyFile(t, b.file); err != nil {
			return err
		}
	}
	return t.Close()
}
