package mount

// perMount are the options that belong to a mount and not to its file system.
var perMount = []string{
	"nodev", "dev", "nosuid", "suid", "noexec", "exec", "noatime", "atime", "nodiratime", "diratime",
	"relatime", "strictatime", "nosymfollow", "symfollow",
}

// perSuper are the options of every file system.
var perSuper = []string{"ro", "rw", "sync", "async", "dirsync", "lazytime", "nolazytime"}

// superOptions are the options of a file system that a user may choose, by its
// type. Nil allows every value, otherwise the value must be one of those
// listed, "" being none.
//
// Sources: Documentation/admin-guide/ext4.rst, xfs.rst, filesystems/btrfs and
// tmpfs.rst of Linux, ext4(5), xfs(5), btrfs(5), nfs(5), mount.cifs(8).
var superOptions = map[string]map[string][]string{
	"ext4": {
		"acl": flag, "noacl": flag, "user_xattr": flag, "nouser_xattr": flag,
		"auto_da_alloc": nil, "noauto_da_alloc": flag, "barrier": {"", "1"}, "block_validity": flag, "noblock_validity": flag,
		"bsddf": flag, "minixdf": flag, "grpid": flag, "nogrpid": flag, "bsdgroups": flag, "sysvgroups": flag,
		"commit": nil, "data": {"ordered", "journal"}, "data_err": {"abort", "ignore"},
		"dax": {"", "always", "never", "inode"}, "debug": flag, "delalloc": flag, "nodelalloc": flag,
		"dioread_lock": flag, "dioread_nolock": flag, "discard": flag, "nodiscard": flag,
		"errors": {"remount-ro", "continue"}, "i_version": flag, "iversion": flag,
		"init_itable": nil, "noinit_itable": flag, "inode_readahead_blks": nil, "journal_async_commit": flag,
		"journal_checksum": flag, "nojournal_checksum": flag, "journal_ioprio": nil,
		"max_batch_time": nil, "min_batch_time": nil, "max_dir_size_kb": nil, "mb_optimize_scan": {"0", "1"},
		"nombcache": flag, "no_mbcache": flag, "orlov": flag, "oldalloc": flag, "prefetch_block_bitmaps": flag,
		"no_prefetch_block_bitmaps": flag, "quota": flag, "noquota": flag, "usrquota": flag, "grpquota": flag, "prjquota": flag,
		"resgid": nil, "resuid": nil, "stripe": nil,
	},
	"xfs": {
		"allocsize": nil, "attr2": flag, "noattr2": flag, "dax": {"", "always", "never", "inode"},
		"discard": flag, "nodiscard": flag, "filestreams": flag, "grpid": flag, "nogrpid": flag, "bsdgroups": flag, "sysvgroups": flag,
		"ikeep": flag, "noikeep": flag, "inode32": flag, "inode64": flag, "largeio": flag, "nolargeio": flag,
		"logbsize": nil, "logbufs": nil, "noalign": flag, "nouuid": flag, "sunit": nil, "swidth": nil, "swalloc": flag, "wsync": flag,
		"quota": flag, "noquota": flag, "usrquota": flag, "uquota": flag, "uqnoenforce": flag, "qnoenforce": flag,
		"grpquota": flag, "gquota": flag, "gqnoenforce": flag, "prjquota": flag, "pquota": flag, "pqnoenforce": flag,
	},
	"btrfs": {
		"acl": flag, "noacl": flag, "autodefrag": flag, "noautodefrag": flag, "barrier": flag, "commit": nil,
		"compress": nil, "compress-force": nil, "datacow": flag, "nodatacow": flag, "datasum": flag, "nodatasum": flag,
		"discard": {"", "sync", "async"}, "nodiscard": flag, "flushoncommit": flag, "noflushoncommit": flag,
		"max_inline": nil, "metadata_ratio": nil, "skip_balance": flag, "space_cache": {"", "v1", "v2"}, "nospace_cache": flag,
		"ssd": flag, "nossd": flag, "ssd_spread": flag, "nossd_spread": flag, "thread_pool": nil, "treelog": flag, "notreelog": flag,
		"user_subvol_rm_allowed": flag,
	},
	"nfs": {
		"vers": nil, "nfsvers": nil, "minorversion": nil, "proto": nil, "port": nil, "mountport": nil, "mountproto": nil, "mountvers": nil,
		"rsize": nil, "wsize": nil, "timeo": nil, "retrans": nil, "retry": nil, "hard": flag, "soft": flag, "softerr": flag,
		"softreval": flag, "nosoftreval": flag, "ac": flag, "noac": flag, "acregmin": nil, "acregmax": nil, "acdirmin": nil, "acdirmax": nil,
		"actimeo": nil, "acl": flag, "noacl": flag, "cto": flag, "nocto": flag, "fg": flag, "fsc": nil, "nofsc": flag, "intr": flag, "nointr": flag,
		"local_lock": {"all", "flock", "posix", "none"}, "lock": flag, "nolock": flag, "lookupcache": nil, "max_connect": nil, "nconnect": nil,
		"migration": flag, "nomigration": flag, "rdirplus": nil, "nordirplus": flag, "resvport": flag, "noresvport": flag,
		"sec": nil, "sharecache": flag, "nosharecache": flag, "tcp": flag, "udp": flag, "rdma": flag, "trunkdiscovery": flag, "notrunkdiscovery": flag,
		"write": {"lazy", "eager", "wait"}, "xprtsec": {"none", "tls", "mtls"},
	},
	"cifs": {
		"vers": nil, "sec": nil, "seal": flag, "sign": flag, "uid": nil, "gid": nil, "forceuid": flag, "noforceuid": flag, "forcegid": flag, "noforcegid": flag,
		"file_mode": nil, "dir_mode": nil, "domain": nil, "dom": nil, "workgroup": nil, "iocharset": nil, "port": nil, "rsize": nil, "wsize": nil, "bsize": nil, "rasize": nil,
		"acl": flag, "noacl": flag, "cifsacl": flag, "idsfromsid": flag, "modefromsid": flag, "actimeo": nil, "acregmax": nil, "acdirmax": nil,
		"cache": {"none", "strict", "loose", "ro", "singleclient"}, "closetimeo": nil, "echo_interval": nil, "esize": nil, "handletimeout": nil, "max_credits": nil,
		"handlecache": flag, "nohandlecache": flag, "hard": flag, "nohard": flag, "soft": flag, "nosoft": flag, "retrans": nil,
		"mapchars": flag, "nomapchars": flag, "mapposix": flag, "nomapposix": flag, "max_channels": nil, "multichannel": nil, "nomultichannel": flag,
		"mfsymlinks": flag, "nomfsymlinks": flag, "nobrl": flag, "brl": flag, "nodfs": flag, "nolease": flag, "lease": flag, "noperm": flag, "perm": flag,
		"dynperm": flag, "nodynperm": flag, "persistenthandles": flag, "nopersistenthandles": flag, "resilienthandles": flag, "noresilienthandles": flag,
		"posix": flag, "noposix": flag, "unix": flag, "nounix": flag, "posixpaths": flag, "noposixpaths": flag, "serverino": flag, "noserverino": flag,
		"setuids": flag, "nosetuids": flag, "sfu": flag, "nosfu": flag, "nocase": flag, "ignorecase": flag, "nosharesock": flag, "snapshot": nil,
		"strictsync": flag, "nostrictsync": flag, "nosparse": flag, "tcpnodelay": flag, "user_xattr": flag, "nouser_xattr": flag, "locallease": flag, "rwpidforward": flag,
	},
	"tmpfs": {
		"size": nil, "nr_blocks": nil, "nr_inodes": nil, "mode": nil, "uid": nil, "gid": nil, "mpol": nil, "noswap": flag,
		"huge": {"never", "always", "within_size", "advise"}, "inode32": flag, "inode64": flag,
	},
}

// flag is the list of values of an option that takes none.
var flag = []string{""}
