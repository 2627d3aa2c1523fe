//go:build !linux

package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// errNotHere is what everything returns on systems other than Linux.
var errNotHere = fmt.Errorf("package fs works on Linux only: %w", errors.ErrUnsupported)

// Device is an open block device. There are none on this system.
type Device struct{}

// Open returns an error that wraps [errors.ErrUnsupported].
func Open(string) (*Device, error) { return nil, errNotHere }

// Close returns an error that wraps [errors.ErrUnsupported], as all the methods do.
func (*Device) Close() error { return errNotHere }

// File returns nil.
func (*Device) File() *os.File { return nil }

// Path returns the empty string.
func (*Device) Path() string { return "" }

// Number returns 0.
func (*Device) Number() uint64 { return 0 }

// String says that there is no device.
func (*Device) String() string { return "no device" }

// DiskSeq returns 0.
func (*Device) DiskSeq() uint64 { return 0 }

// ReadOnly is not supported.
func (*Device) ReadOnly() (bool, error) { return false, errNotHere }

// Size is not supported.
func (*Device) Size() (int64, error) { return 0, errNotHere }

// Sysfs is not supported.
func (*Device) Sysfs(string) (string, error) { return "", errNotHere }

// Lock is not supported.
func (*Device) Lock(context.Context) error { return errNotHere }

// Unlock is not supported.
func (*Device) Unlock() error { return errNotHere }

// Exclusive is not supported.
func (*Device) Exclusive() error { return errNotHere }

// SetReadOnly is not supported.
func (*Device) SetReadOnly(bool) error { return errNotHere }

// Probe is not supported.
func (*Device) Probe(context.Context) (Content, error) { return Content{}, errNotHere }

// Format is not supported.
func (*Device) Format(context.Context, Format) error { return errNotHere }

// FormatLUKS is not supported.
func (*Device) FormatLUKS(context.Context, LUKS, Passphrase) error { return errNotHere }

// OpenLUKS is not supported.
func (*Device) OpenLUKS(context.Context, LUKS, Passphrase) (*Device, error) { return nil, errNotHere }

// FindLUKS is not supported.
func (*Device) FindLUKS(LUKS) (*Device, error) { return nil, errNotHere }

// GrowLUKS is not supported.
func (*Device) GrowLUKS(context.Context, LUKS) error { return errNotHere }

// CloseLUKS is not supported.
func CloseLUKS(context.Context, LUKS) error { return errNotHere }

// Superblock is not supported.
func Superblock(uint64, string) (uint64, error) { return 0, errNotHere }

// BelowLUKS is not supported.
func BelowLUKS(LUKS) (uint64, error) { return 0, errNotHere }

// Check is not supported.
func (*Device) Check(context.Context, Content) error { return errNotHere }

// GrowOffline is not supported.
func (*Device) GrowOffline(context.Context, Content) (Growth, error) { return Growth{}, errNotHere }

// Grow is not supported.
func Grow(context.Context, string, *Device) (Growth, error) { return Growth{}, errNotHere }

// UsageOf is not supported.
func UsageOf(context.Context, string) (Usage, error) { return Usage{}, errNotHere }

// Idle is not supported.
func Idle(uint64, string) error { return errNotHere }
