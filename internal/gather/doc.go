// Package gather makes one job of what several callers want of one thing at about
// the same time, where each job is dear.
package gather
