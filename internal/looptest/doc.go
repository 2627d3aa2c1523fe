// Package looptest gives tests real block devices: loop devices on sparse
// files in the test's own directory, removed and checked for leaks at its end.
//
// A test that mounts or attaches something puts it below [Dir]. What is left
// there when the test has ended fails it, and is cleaned up so that the next
// test starts well. Nothing outside of the test's own directory is looked at:
// other tests use the machine at the same time.
package looptest
