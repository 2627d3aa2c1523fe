# Counts Go lines per package, tests apart: code (neither blank nor only a
# comment) and all. Called by `make loc` with all Go files as arguments.
FNR == 1 {
	dir = FILENAME
	sub(/^\.\//, "", dir)
	if (!sub(/\/[^\/]*$/, "", dir)) dir = "."
	kind = (FILENAME ~ /_test\.go$/ || dir ~ /^internal\/(looptest|houserules)$/) ? "test" : "code"
	seen[dir] = 1
	files[dir, kind]++
	comment = 0
}
{
	all[dir, kind]++
	if (comment) {
		if (/\*\//) comment = 0
	} else if (/^[ \t]*\/\*/) {
		if (!/\*\//) comment = 1
	} else if (!/^[ \t]*(\/\/.*)?$/) {
		code[dir, kind]++
	}
}
END {
	form = "%-32s %6s %7s %7s %7s %7s %7s\n"
	printf form, "package", "files", "code", "all", "tests", "code", "all"
	count = 0
	for (d in seen) name[++count] = d
	for (i = 2; i <= count; i++)
		for (j = i; j > 1 && name[j] < name[j - 1]; j--) { t = name[j]; name[j] = name[j - 1]; name[j - 1] = t }
	for (i = 1; i <= count; i++) {
		d = name[i]
		printf form, d, files[d, "code"] + 0, code[d, "code"] + 0, all[d, "code"] + 0, files[d, "test"] + 0, code[d, "test"] + 0, all[d, "test"] + 0
		fc += files[d, "code"]; cc += code[d, "code"]; ac += all[d, "code"]
		ft += files[d, "test"]; ct += code[d, "test"]; at += all[d, "test"]
	}
	printf form, "total", fc + 0, cc + 0, ac + 0, ft + 0, ct + 0, at + 0
}
