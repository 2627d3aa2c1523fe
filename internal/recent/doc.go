// Package recent keeps a value that is dear to read and seldom changes, such as
// the zones of a region.
package recent
