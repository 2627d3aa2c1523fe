package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/looptest"
)

const sector = 512

// missing ends a test that cannot run here. In the virtual machine everything
// is there, or the tests prove nothing.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CSIKIT_IN_VM") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("run it with make test-vm: "+format, args...)
}

// needTarget skips the test unless device-mapper has the target.
func needTarget(t testing.TB, target string) {
	t.Helper()
	looptest.NeedRoot(t)
	if _, err := exec.LookPath("dmsetup"); err != nil {
		missing(t, "no dmsetup: %v", err)
	}
	_ = exec.Command("modprobe", "dm-"+target).Run()
	out, err := exec.Command("dmsetup", "targets").CombinedOutput()
	if err != nil || !strings.Contains(string(out), target+" ") {
		missing(t, "the kernel has no device-mapper target %s: %v", target, err)
	}
}

func dmsetup(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.Command("dmsetup", args...).CombinedOutput()
	require.NoError(t, err, "dmsetup %s: %s", strings.Join(args, " "), out)
}

// A mapping is a device-mapper device on an image file of the test.
type mapping struct {
	t       testing.TB
	name    string
	image   string
	loop    string
	sectors int64
}

var mappings int

// newMapping makes a linear mapping of a new image of size bytes.
func newMapping(t testing.TB, size int64) *mapping {
	t.Helper()
	needTarget(t, "linear")
	return mapImage(t, looptest.Image(t, size))
}

// mapImage makes a linear mapping of all of an image file.
func mapImage(t testing.TB, image string) *mapping {
	t.Helper()
	info, err := os.Stat(image)
	require.NoError(t, err)
	mappings++
	m := &mapping{t: t, image: image, sectors: info.Size() / sector, name: fmt.Sprintf("csikit-test-%d-%d", os.Getpid(), mappings)}
	m.loop = looptest.Attach(t, image)
	dmsetup(t, "create", m.name, "--uuid", m.uuid(), "--table", m.linear())
	t.Cleanup(m.remove)
	return m
}

func (m *mapping) path() string { return "/dev/mapper/" + m.name }
func (m *mapping) uuid() string { return "CSIKIT-" + m.name }

func (m *mapping) linear() string { return fmt.Sprintf("0 %d linear %s 0", m.sectors, m.loop) }

// device is what a backend that maps its volumes says of it.
func (m *mapping) device() csi.Device {
	return csi.Device{Path: m.path(), Sysfs: map[string]string{"dm/uuid": m.uuid()}}
}

// load replaces the table without waiting for a file system on the device.
func (m *mapping) load(table string) {
	m.t.Helper()
	dmsetup(m.t, "load", m.name, "--table", table)
	m.suspend()
	m.resume()
}

// loadf replaces the table by a single target over the whole device; %s in the
// arguments is the device below.
func (m *mapping) target(target, arguments string) {
	m.t.Helper()
	m.load(fmt.Sprintf("0 %d %s %s", m.sectors, target, strings.ReplaceAll(arguments, "%s", m.loop)))
}

// heal makes the device work again.
func (m *mapping) heal() { m.t.Helper(); m.load(m.linear()) }

// suspend makes all input and output wait, until resume.
func (m *mapping) suspend() { m.t.Helper(); dmsetup(m.t, "suspend", "--nolockfs", "--noflush", m.name) }
func (m *mapping) resume()  { m.t.Helper(); dmsetup(m.t, "resume", m.name) }

// remove takes the device away. A device that is still in use fails the test,
// and is made to fail everything, so that nothing waits for it.
func (m *mapping) remove() {
	_ = exec.Command("dmsetup", "resume", m.name).Run()
	if out, err := exec.Command("dmsetup", "remove", "--retry", m.name).CombinedOutput(); err != nil {
		m.t.Errorf("leak: %s is still in use: %v: %s", m.name, err, out)
		_ = exec.Command("dmsetup", "remove", "--force", m.name).Run()
	}
}

// run runs a tool that has to succeed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// copyImage copies an image with its holes into a directory of its own.
func copyImage(t testing.TB, image string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy")
	run(t, "cp", "--sparse=always", image, path)
	return path
}
