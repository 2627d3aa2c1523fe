package csi

import (
	"context"
	"errors"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/keyop"
	"github.com/csikit/csikit/csi/internal/speccheck"
)

// CreateVolume implements csipb.ControllerServer: see creation.
func (s *controllerServer) CreateVolume(ctx context.Context, r *csipb.CreateVolumeRequest) (*csipb.CreateVolumeResponse, error) {
	spec, err := volumeSpecFromProto(r)
	if err != nil {
		return nil, err
	}
	c := creation{d: s.d, spec: spec, source: sourceFromProto(r.GetVolumeContentSource()), format: formatOptions(r.GetParameters())}
	if err := checkFormat(c.format, spec.Access, s.d.opts.DefaultFSType); err != nil {
		return nil, err
	}
	op := keyop.Op{RPC: "CreateVolume", ID: spec.Name, Keys: c.keys(), Identity: identityOf("CreateVolume", r)}
	return operate(ctx, s.d, op, c.run)
}

// A creation is one CreateVolume: get or create by name, from nothing or from
// a source. The backend finds what exists; what it returns, new or not, is
// compared with what is asked for.
type creation struct {
	d      *Driver
	spec   VolumeSpec
	source ContentSource
	format map[string]string // of the StorageClass, carried to the node
}

// keys are the name, since there is no id yet, and the source, which must not
// be deleted meanwhile.
func (c *creation) keys() []keyop.Key {
	keys := []keyop.Key{keyop.Exclusive(volumeNameKey(c.spec.Name))}
	switch {
	case c.source.Snapshot != "":
		keys = append(keys, keyop.Shared(snapshotKey(c.source.Snapshot)))
	case c.source.Volume != "":
		keys = append(keys, keyop.Shared(volumeKey(c.source.Volume)))
	}
	return keys
}

func (c *creation) run(k keyop.Contexts) (*csipb.CreateVolumeResponse, error) {
	if err := c.checkAccess(k.Wait, nil); err != nil {
		return nil, err
	}
	v, err := c.getOrMake(k)
	if err != nil {
		return nil, err
	}
	if err := c.compare(v); err != nil {
		return nil, err
	}
	switch err := c.checkAccess(k.Wait, v); {
	case errors.Is(err, ErrInvalid):
		return nil, differs(c.spec.Name, "%v", err)
	case err != nil: // whatever it says, the volume exists: no code may end the retries
		return nil, refuse(ErrUnavailable, "CreateVolume %s: it is made, but its access modes cannot be checked: %v", c.spec.Name, err)
	}
	return &csipb.CreateVolumeResponse{Volume: c.d.features.volumeToProto(v, carry(v.Context, c.origin(), c.format))}, nil
}

// getOrMake returns the volume, made now or before. Where the source is gone it
// can only be one that was made before: NOT_FOUND is final, and the answer to
// an earlier request may have been lost.
func (c *creation) getOrMake(k keyop.Contexts) (*Volume, error) {
	size, err := c.checkSource(k.Wait)
	if errors.Is(err, ErrNotFound) {
		v, makeErr := c.make(k.Op, c.spec.Size)
		if errors.Is(makeErr, ErrNotFound) {
			return nil, err
		}
		return v, makeErr
	}
	if err == nil {
		size, err = c.checkFilesystems(size)
	}
	if err != nil {
		return nil, err
	}
	return c.make(k.Op, size)
}

// checkAccess checks all capabilities asked for, of the volume if there is one.
func (c *creation) checkAccess(ctx context.Context, v *Volume) error {
	return c.d.checkAccess(ctx, c.spec.Name, c.spec.Access, AccessQuery{Volume: v, Parameters: c.spec.Parameters, Mutable: c.spec.Mutable})
}

// make calls the backend. size is the size range with the source's size taken
// into account.
func (c *creation) make(ctx context.Context, size SizeRange) (*Volume, error) {
	f, spec, name := &c.d.features, c.spec, c.spec.Name
	spec.Size = size
	var v *Volume
	var err error
	switch {
	case c.source.Snapshot != "":
		source := SnapshotRef{ID: c.source.Snapshot, Secrets: spec.Secrets}
		v, err = call(ctx, c.d, "RestoreVolume", name, func(ctx context.Context) (*Volume, error) {
			return f.snapshotter.RestoreVolume(ctx, source, spec)
		})
	case c.source.Volume != "":
		source := VolumeRef{ID: c.source.Volume, Secrets: spec.Secrets}
		v, err = call(ctx, c.d, "CloneVolume", name, func(ctx context.Context) (*Volume, error) {
			return f.cloner.CloneVolume(ctx, source, spec)
		})
	default:
		v, err = call(ctx, c.d, "CreateVolume", name, func(ctx context.Context) (*Volume, error) {
			return f.provisioner.CreateVolume(ctx, spec)
		})
	}
	if err == nil && (v == nil || v.ID == "" || len(v.ID) > speccheck.MaxString) {
		return nil, refuse(ErrUnavailable, "CreateVolume %s: the backend returned no volume with an id of 1 to %d bytes", name, speccheck.MaxString)
	}
	return v, err
}

// origin says what the volume started from.
func (c *creation) origin() string {
	switch {
	case c.source.Snapshot != "":
		return originRestore
	case c.source.Volume != "":
		return originClone
	}
	return originNew
}
