// Package speccheck checks messages against the field rules of the CSI
// specification v1.13 that hold for every plugin: required fields, oneofs,
// enumerations, sizes, characters, ranges, topology keys.
//
// [Check] does so for one message of any type, request or response. It walks
// the message along a plan that is derived once from the descriptors, so a
// field that a later version of the spec adds is checked without a change
// here; only what the descriptors do not say is in tables (required.go,
// special.go). [Response] checks a response together with the request it
// answers; it is for tests, [github.com/csikit/csikit/csi/csitest] among them.
//
// Rules that depend on what a driver can do, such as a field that must not be
// set without a capability, are the business of package csi.
package speccheck
