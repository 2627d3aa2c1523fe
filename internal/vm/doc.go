// Package vm proves the node's safety rules under faults that need a kernel of
// one's own: device-mapper targets that fail, delay, hang and record, disks with
// wrong serials, disks that are pulled out. It has tests only.
//
// `make test-vm` (test.sh) builds these tests and the privileged ones of the
// other packages, boots a throw-away virtual machine (run.sh) and runs them there
// (guest.sh). On a machine that has what a test needs it runs there as well;
// elsewhere it is skipped with the reason. In the virtual machine nothing that a
// test needs may be missing: that is a failure.
//
// Tests of SELinux contexts run in a second machine, whose kernel has SELinux and
// a small policy of our own (selinux.cil).
package vm
