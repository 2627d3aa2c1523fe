package ec2test

import (
	"regexp"
	"strings"
)

var hexID = regexp.MustCompile(`^(vol|snap|i)-([0-9a-f]{8}|[0-9a-f]{17})$`)

// kinds are EC2's words for a kind of resource, by the prefix of its ids.
var kinds = map[string]struct{ noun, notFound, malformed, parameter string }{
	"vol":  {"The volume '%s' does not exist.", "InvalidVolume.NotFound", "InvalidVolumeID.Malformed", "volumeId"},
	"snap": {"The snapshot '%s' does not exist.", "InvalidSnapshot.NotFound", "InvalidSnapshotID.Malformed", "snapshotId"},
	"i":    {"The instance ID '%s' does not exist", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "instanceId"},
}

// wellFormed checks the form of an id.
func wellFormed(prefix, id string) error {
	kind := kinds[prefix]
	switch {
	case id == "":
		return errorf("MissingParameter", "The request must contain the parameter %s", kind.parameter)
	case !strings.HasPrefix(id, prefix+"-") && prefix != "i":
		return errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. Expected: '%s-...'.", id, kind.parameter, prefix)
	case !hexID.MatchString(id) || !strings.HasPrefix(id, prefix+"-"):
		return errorf(kind.malformed, "Invalid id: \"%s\"", id)
	}
	return nil
}

func notFound(prefix, id string) error {
	kind := kinds[prefix]
	return errorf(kind.notFound, kind.noun, id)
}

// existing returns the row with an id as it really is.
func existing[T any](t *table[T], prefix, id string) (*T, error) {
	if err := wellFormed(prefix, id); err != nil {
		return nil, err
	}
	state := t.truth(id)
	if state == nil {
		return nil, notFound(prefix, id)
	}
	return state, nil
}
