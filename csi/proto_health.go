package csi

import (
	"strings"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// longestText is the specification's limit of a text field, in bytes.
const longestText = 128

// healthToProto converts the problems of a volume. The specification forbids two
// entries of the same status and reason: their messages are joined, and cut where
// they become too long.
func healthToProto(id string, problems []Problem) *csipb.VolumeHealth {
	out := &csipb.VolumeHealth{VolumeId: id}
	type key struct {
		status csipb.VolumeHealthErrorType
		reason string
	}
	seen := map[key]*csipb.VolumeHealth_VolumeHealthEntry{}
	for _, p := range problems {
		k := key{statusToProto(p.Kind), clip(p.Reason, longestText)}
		if k.reason == "" {
			k.reason = "Unknown" // it is required
		}
		entry := seen[k]
		if entry == nil {
			entry = &csipb.VolumeHealth_VolumeHealthEntry{Status: k.status, Reason: k.reason}
			out.HealthStatuses, seen[k] = append(out.HealthStatuses, entry), entry
		}
		if p.Message != "" && !strings.Contains(entry.Message, p.Message) {
			entry.Message = clip(joinMessages(entry.Message, p.Message), longestText)
		}
	}
	return out
}

func joinMessages(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; " + second
}

// statusToProto takes a kind that is not one of ours for the least of them: a
// problem is never left out.
func statusToProto(k HealthKind) csipb.VolumeHealthErrorType {
	switch k {
	case Inaccessible:
		return csipb.VolumeHealthErrorType_INACCESSIBLE
	case DataLoss:
		return csipb.VolumeHealthErrorType_DATA_LOSS
	}
	return csipb.VolumeHealthErrorType_DEGRADED
}
