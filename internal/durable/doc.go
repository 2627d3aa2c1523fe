// Package durable changes files so that a crash of the process or of the
// machine leaves either the old or the new state, never a part of one.
//
//  1. [WriteFile]: a reader, now or after a crash, sees the old content or the
//     new content, whole. When it has returned nil, the new content survives a
//     loss of power.
//  2. [Rename] and [Remove]: when they have returned nil, the change survives
//     a loss of power.
//  3. [AppendLine]: a reader that skips what it cannot read sees the line or
//     does not, and sees the lines before it as they were.
//
// A crash within WriteFile can leave a temporary file beside the target. Its
// name starts with a dot ([IsTemporary]), so whoever lists such a directory
// skips it, and [Remove] of the target removes it too.
//
// The order (write, fsync, rename, fsync of the directory) is that of
// rename(2) and fsync(2): a file's data and its directory entry are made
// durable separately.
package durable
