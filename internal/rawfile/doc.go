// Package rawfile opens and reads files for which the poller of Go's runtime
// can do nothing: regular files, devices, and the texts of /proc and /sys.
//
// Package os tries the poller with every file it opens, which takes five system
// calls more than opening it, and is told each time that such a file cannot be
// polled. What the node does to a volume is little else than opening small files.
package rawfile
