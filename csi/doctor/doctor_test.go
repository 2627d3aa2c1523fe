package doctor

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/registration"
)

// backend is healthy unless sick is set.
type backend struct{ sick error }

func (backend) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrNotFound
}
func (b backend) Probe(context.Context) error { return b.sick }

// Traits: shares only, so that Probe asks for no tools.
func (backend) Traits() csi.Traits { return csi.Traits{Block: []csi.AccessMode{}} }

func driver(t *testing.T, sick error, dir string) *csi.Driver {
	t.Helper()
	d, err := csi.New("doctor.csi.example.com", backend{sick}, &csi.Options{StateDir: dir, NodeID: "n1", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return d
}

func find(r Report, check string) Finding {
	for _, f := range r {
		if f.Check == check {
			return f
		}
	}
	return Finding{Check: check, Found: "nothing"}
}

func TestASickBackendFails(t *testing.T) {
	r := Examine(t.Context(), Target{Driver: driver(t, errors.New("the pool is not there"), t.TempDir())})
	assert.True(t, r.Failed())
	assert.Equal(t, Failure, find(r, "storage").Verdict)
	assert.Contains(t, find(r, "storage").Found, "the pool is not there")
	r = Examine(t.Context(), Target{Driver: driver(t, nil, t.TempDir())})
	assert.False(t, r.Failed(), "a controller needs nothing of the node")
	assert.Equal(t, "nothing", find(r, "privileges").Found)
}

func TestTheStateDirectoryMustBeWritable(t *testing.T) {
	dir := t.TempDir()
	assert.Equal(t, OK, stateDir(t.Context(), Target{StateDir: filepath.Join(dir, "new")})[0].Verdict)
	left, err := os.ReadDir(filepath.Join(dir, "new"))
	require.NoError(t, err)
	assert.Empty(t, left)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	f := stateDir(t.Context(), Target{StateDir: filepath.Join(dir, "file", "x")})[0]
	assert.Equal(t, Failure, f.Verdict)
	assert.Contains(t, f.Mend, "--state-dir")
}

func TestTheKubeletsDirectory(t *testing.T) {
	dir := t.TempDir()
	assert.Equal(t, Warning, kubeletDir(t.Context(), Target{})[0].Verdict)
	f := kubeletDir(t.Context(), Target{KubeletDir: dir})[0]
	assert.Equal(t, Failure, f.Verdict)
	assert.Contains(t, f.Found, "plugins_registry")
}

// The sockets are asked as the kubelet asks them.
func TestRegistrationIsAskedForAsTheKubeletDoes(t *testing.T) {
	dir, err := os.MkdirTemp("", "kubelet")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "plugins_registry"), 0o700))
	d, endpoint := driver(t, nil, dir), filepath.Join(dir, "csi.sock")
	target := Target{Driver: d, KubeletDir: dir}
	f := registered(t.Context(), target)[0]
	assert.Equal(t, Warning, f.Verdict)
	assert.Contains(t, f.Found, "nobody answers")

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	socket := registration.Socket(dir, d.Name())
	go func() {
		done <- registration.Run(ctx, registration.Options{Driver: d.Name(), Endpoint: endpoint, Socket: socket})
	}()
	require.Eventually(t, func() bool { _, err := os.Lstat(socket); return err == nil }, 10*time.Second, time.Millisecond)
	f = registered(t.Context(), target)[0]
	assert.Equal(t, Failure, f.Verdict, "it is registered at an endpoint that nobody serves")
	assert.Contains(t, f.Found, endpoint)

	go func() { done <- d.Run(ctx, endpoint) }()
	<-d.Listening()
	f = registered(t.Context(), target)[0]
	assert.Equal(t, OK, f.Verdict, f.Found)
	assert.Contains(t, f.Found, "node n1")
	stop()
	require.NoError(t, errors.Join(<-done, <-done))
}

func TestMissingToolsHaveAMend(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f := deviceTools[1].look(t.Context())
	assert.Equal(t, Failure, f.Verdict)
	assert.Contains(t, f.Mend, "e2fsprogs")
	fake := filepath.Join(os.Getenv("PATH"), "mkfs.ext4")
	require.NoError(t, os.WriteFile(fake, []byte("#!/bin/sh\necho version 9 >&2\n"), 0o755))
	f = deviceTools[1].look(t.Context())
	assert.Equal(t, Finding{Check: "tool mkfs.ext4", Found: "version 9"}, f)
	require.NoError(t, os.WriteFile(fake, []byte("#!/bin/sh\nexit 1\n"), 0o755))
	assert.Equal(t, Failure, deviceTools[1].look(t.Context()).Verdict)
}

func TestTheTableSaysWhatToDo(t *testing.T) {
	var out strings.Builder
	r := Report{{Check: "a", Found: "well"}, {"b", "broken", "mend it", Failure}}
	require.NoError(t, r.Write(&out))
	assert.Equal(t, "ok      a  well\nFAILED  b  broken\n\nb: broken\n    mend it\n", out.String())
	assert.True(t, r.Failed())
	assert.False(t, Report{{"c", "", "", Warning}}.Failed())
}

func TestAnEndedContextEndsTheExamination(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Examine(ctx, Target{Driver: driver(t, nil, t.TempDir()), Node: true})
	assert.True(t, r.Failed())
	assert.Len(t, r, 1)
}
