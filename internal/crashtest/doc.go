// Package crashtest kills real driver processes and proves that nothing is lost
// and nothing is left. It has tests only; examples/local is the driver, with
// real gRPC, loop devices, file systems and mounts.
//
//	TestCrash          every step of every sequence of node RPCs (make test-crash)
//	TestCrashStorage   every step of create, delete, snapshot, restore and clone
//	TestKillLoop       kills at random times under a workload
//	TestTwoDrivers     two processes on one volume
//	TestRaces          what the kubelet does at once
//	TestUndo           an error at each step of stage and publish
//
// # The crash tier
//
// A sequence is one to four of stage, publish, publish read-only, unpublish,
// unstage and expand: 1,554 of them, all that there are (bounded exhaustive, as
// in CrashMonkey's ACE). The driver is killed by SIGKILL before each step of the
// last RPC of a sequence: a step is a system call or a child process that
// changes something, see package crashpoint. Its prefix runs undisturbed, since
// kills in it are those of a shorter sequence. Then a new process gets the same
// RPC again and must answer what an undisturbed one would have; then all is
// undone, and every invariant of package invariant is checked.
//
// Two prefixes that leave the node in the same state are equal, and only the
// shorter one is run. The state is what a new process can find: the mounts, what
// the driver wrote down, the pool's metadata, the loop devices, mount points, and
// whether device and file system have been grown; names and numbers apart. It is
// looked at, not predicted. CSIKIT_CRASH_PRUNE=0 runs all sequences.
//
// Besides ext4, xfs, btrfs and raw block there are volumes that hold data of
// unknown kind: no sequence and no crash may change a byte of them.
package crashtest
