// Package mounttest is a mount table in memory, for tests of code that uses a
// [mount.Table] and is to be tested without root and without devices.
//
// It keeps the rules of the real table: stacks are seen and undone as stacks,
// a busy mount cannot be unmounted, a bind of a read-only mount is read-only,
// a dead share is found as dead. Targets need not exist. [Table.Fault] makes
// any operation fail; [Table.Mounts] shows what was left behind.
//
// It is no proof of safety: what the kernel does under kill, stall and race is
// tested with the real table, in package mount.
package mounttest
