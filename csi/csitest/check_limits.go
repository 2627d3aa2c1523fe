package csitest

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

var limitChecks = []check{
	{"Rule29/LongNames", "a name of 128 bytes is accepted, one of 129 is INVALID_ARGUMENT (spec.md, Size Limits)", []need{provisions}, longNames},
	{"Rule29/Charset", "a name may hold any Unicode but control characters other than tab, LF and CR (spec.md, CreateVolume)", []need{provisions}, charset},
	{"Rule29/LongPaths", "paths are exempt from the limit of 128 bytes (spec.md, Size Limits)", []need{provisions}, longPaths},
	{"Rule29/LargeMaps", "a map of more than 4 KiB is INVALID_ARGUMENT (spec.md, Size Limits)", []need{provisions}, largeMaps},
	{"Rule29/MountFlags", "mount_flags of more than 4 KiB are INVALID_ARGUMENT (spec.md, VolumeCapability)", []need{provisions, fileSystem}, largeMountFlags},
}

func longNames(s *session) {
	name := strings.Repeat("n", 128)
	s.create(func(r *csipb.CreateVolumeRequest) { r.Name = name })
	s.refuses("a name of 129 bytes", func(r *csipb.CreateVolumeRequest) { r.Name = name + "n" }, codes.InvalidArgument)
}

func charset(s *session) {
	s.create(func(r *csipb.CreateVolumeRequest) { r.Name = "päckli, 卷 \"1\" /../ %s $(x) \U0001F4BE" })
	for _, name := range []string{"a\x00b", "a\vb", "a\x7fb", "a\u0085b"} {
		s.refuses(fmt.Sprintf("the name %q", name), func(r *csipb.CreateVolumeRequest) { r.Name = name }, codes.InvalidArgument)
	}
}

func longPaths(s *session) {
	v := s.create().stage()
	long := s.path("pods", strings.Repeat("a-directory-with-a-long-name/", 8), v.dir, "mount")
	v.targets = append(v.targets, long)
	v.publish("pod", func(r *csipb.NodePublishVolumeRequest) { r.TargetPath = long })
	v.unpublish(long)
}

func largeMaps(s *session) {
	s.refuses("parameters of 5 KiB", func(r *csipb.CreateVolumeRequest) {
		r.Parameters = map[string]string{}
		for i := range 64 {
			r.Parameters[fmt.Sprintf("key-%d", i)] = strings.Repeat("v", 80)
		}
	}, codes.InvalidArgument)
}

func largeMountFlags(s *session) {
	s.refuses("mount flags of 5 KiB", func(r *csipb.CreateVolumeRequest) {
		for range 64 {
			flags := &r.VolumeCapabilities[0].GetMount().MountFlags
			*flags = append(*flags, strings.Repeat("f", 80))
		}
	}, codes.InvalidArgument)
}
