package csi

import csipb "github.com/container-storage-interface/spec/lib/go/csi"

// sizeFromProto converts a range; nil is the range without bounds.
func sizeFromProto(r *csipb.CapacityRange) SizeRange {
	return SizeRange{Required: r.GetRequiredBytes(), Limit: r.GetLimitBytes()}
}
