// Package nodestate keeps what the node service writes down: one small JSON
// file for each staged volume and for each published target.
//
//  1. A file is a hint. It says what to look for, and the kernel says whether
//     it is there: no decision rests on a file alone.
//  2. What Save has saved survives a crash of the machine (see package durable).
//     What SaveForBoot has saved survives a kill of the process, which is enough
//     for facts that end with the boot, and costs no flush. A file has a line
//     for each; a line that a kill or a crash has torn counts for nothing.
//  3. Names are hashes, since volume ids and paths may be long and hold any
//     character. The real id and path are inside and are checked.
//  4. Files are readable by root only. No secret is ever given to them.
//  5. Mounts and device numbers end with the boot: [BootID] tells boots apart.
package nodestate
