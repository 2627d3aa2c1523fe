package vm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A monitor is QEMU's own, at the virtio port that run.sh gives the guest.
type monitor struct {
	mu    sync.Mutex
	port  *os.File
	lines *bufio.Reader
	next  int
}

var hypervisor monitor

// needMonitor skips the test unless it can plug disks into its own machine.
func needMonitor(t testing.TB) *monitor {
	t.Helper()
	h := &hypervisor
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.port != nil {
		return h
	}
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, name := range names {
		if text, _ := os.ReadFile(name); strings.TrimSpace(string(text)) != "csikit.qmp" {
			continue
		}
		port, err := os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
		require.NoError(t, err)
		h.port, h.lines = port, bufio.NewReader(port)
		_ = h.call("qmp_capabilities", nil) // an error if an earlier test binary did it
		return h
	}
	missing(t, "needs the monitor of QEMU at a virtio port named csikit.qmp")
	return nil
}

func (h *monitor) must(t testing.TB, command string, arguments map[string]any) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.NoError(t, h.call(command, arguments))
}

// call sends a command and waits for its answer; events are dropped.
func (h *monitor) call(command string, arguments map[string]any) error {
	h.next++
	id := fmt.Sprintf("%s-%d-%d", command, os.Getpid(), h.next)
	message := map[string]any{"execute": command, "id": id}
	if arguments != nil {
		message["arguments"] = arguments
	}
	request, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := h.port.Write(append(request, '\n')); err != nil {
		return err
	}
	for {
		line, err := h.lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		var answer struct {
			ID    string
			Error *struct{ Desc string }
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return fmt.Errorf("monitor says %q: %w", line, err)
		}
		switch {
		case answer.ID != id:
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", command, answer.Error.Desc)
		default:
			return nil
		}
	}
}

// A disk is an NVMe disk of this machine that can be plugged and unplugged; its
// content stays.
type disk struct {
	t            testing.TB
	monitor      *monitor
	node, serial string
	plugged      string // the id of the device, "" if it is unplugged
}

var disksMade int

// newDisk makes a disk of zeros, in the memory of the host, and does not plug it.
func newDisk(t testing.TB, serial string, size int64) *disk {
	t.Helper()
	disksMade++
	d := &disk{t: t, monitor: needMonitor(t), serial: serial, node: fmt.Sprintf("disk-%d-%d", os.Getpid(), disksMade)}
	path := filepath.Join(os.Getenv("VM_HOST_DIR"), d.node)
	create := func(command string, arguments map[string]any) { d.monitor.must(t, command, arguments) }
	create("blockdev-create", map[string]any{"job-id": d.node, "options": map[string]any{"driver": "file", "filename": path, "size": size}})
	var err error
	require.Eventually(t, func() bool {
		d.monitor.mu.Lock()
		defer d.monitor.mu.Unlock()
		err = d.monitor.call("job-dismiss", map[string]any{"id": d.node})
		return err == nil
	}, patient, 50*time.Millisecond, "the image is made: %v", err)
	create("blockdev-add", map[string]any{"driver": "file", "node-name": d.node, "filename": path, "discard": "unmap"})
	t.Cleanup(func() {
		if d.plugged != "" {
			d.take()
		}
	})
	return d
}

// plug makes the disk appear, and returns its path.
func (d *disk) plug() string {
	d.t.Helper()
	before := namesOf(d.serial)
	d.add()
	var name string
	require.Eventually(d.t, func() bool {
		for _, n := range namesOf(d.serial) {
			if !contains(before, n) {
				name = n
			}
		}
		return name != ""
	}, patient, 20*time.Millisecond, "disk %s appears", d.serial)
	return "/dev/" + name
}

// add plugs the disk in and does not wait for what the kernel makes of it.
func (d *disk) add() {
	d.t.Helper()
	disksMade++
	d.plugged = fmt.Sprintf("device-%d-%d", os.Getpid(), disksMade)
	d.monitor.must(d.t, "device_add", map[string]any{"driver": "nvme", "id": d.plugged, "drive": d.node, "serial": d.serial})
}

// take pulls the disk out, and returns when the kernel has let it go: a second
// attempt then finds no such device.
func (d *disk) take() {
	d.t.Helper()
	arguments := map[string]any{"id": d.plugged}
	d.plugged = ""
	d.monitor.must(d.t, "device_del", arguments)
	gone := func() bool {
		d.monitor.mu.Lock()
		defer d.monitor.mu.Unlock()
		err := d.monitor.call("device_del", arguments)
		return err != nil && strings.Contains(err.Error(), "not found")
	}
	require.Eventually(d.t, gone, patient, 50*time.Millisecond, "disk %s is let go", d.serial)
}

// unplug takes the disk away from the running machine.
func (d *disk) unplug() {
	d.t.Helper()
	before := len(namesOf(d.serial))
	d.take()
	require.Eventually(d.t, func() bool { return len(namesOf(d.serial)) < before }, patient, 20*time.Millisecond, "disk %s goes", d.serial)
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// namesOf finds the disks with a serial, as a backend does.
func namesOf(serial string) (names []string) {
	found, _ := filepath.Glob("/sys/block/nvme*/device/serial")
	for _, path := range found {
		if text, _ := os.ReadFile(path); strings.TrimSpace(string(text)) == serial {
			names = append(names, filepath.Base(filepath.Dir(filepath.Dir(path))))
		}
	}
	return names
}
