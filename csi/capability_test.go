package csi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi"
)

func (s *served) controllerCapabilities() string {
	resp, err := s.ControllerGetCapabilities(s.ctx(), &csipb.ControllerGetCapabilitiesRequest{})
	require.NoError(s, err)
	var names []string
	for _, c := range resp.GetCapabilities() {
		names = append(names, c.GetRpc().GetType().String())
	}
	return strings.Join(names, " ")
}

// static is a backend that only locates.
type static struct{}

func (static) Locate(context.Context, csi.NodeVolume) (csi.Source, error) {
	return nil, csi.ErrNotFound
}

func TestRule32_CapabilitiesAreWhatIsImplemented(t *testing.T) {
	require.Equal(t, "CREATE_DELETE_VOLUME PUBLISH_UNPUBLISH_VOLUME LIST_VOLUMES LIST_VOLUMES_PUBLISHED_NODES GET_CAPACITY"+
		" CREATE_DELETE_SNAPSHOT GET_SNAPSHOT LIST_SNAPSHOTS CLONE_VOLUME EXPAND_VOLUME GET_VOLUME MODIFY_VOLUME SINGLE_NODE_MULTI_WRITER",
		serve(t, newFake(), nil).controllerCapabilities())
	require.Equal(t, "SINGLE_NODE_MULTI_WRITER", serveBackend(t, newFake(), static{}, nil).controllerCapabilities())
	f := shareable()
	require.Contains(t, serve(t, f, nil).controllerCapabilities(), "PUBLISH_READONLY")
	require.NotContains(t, serve(t, newFake(), &csi.Options{Disable: []string{"Attacher"}}).controllerCapabilities(), "PUBLISHED_NODES")
}

func TestRule32_WhatIsNotOfferedIsUnimplemented(t *testing.T) {
	s := serveBackend(t, newFake(), static{}, nil)
	ctx := s.ctx()
	for name, call := range map[string]func() error{
		"CreateVolume":            func() error { _, err := s.CreateVolume(ctx, create("a")); return err },
		"DeleteVolume":            func() error { return s.delete("a") },
		"ControllerPublishVolume": func() error { _, err := s.ControllerPublishVolume(ctx, publishTo("a", "n")); return err },
		"ListVolumes":             func() error { _, err := s.ListVolumes(ctx, &csipb.ListVolumesRequest{}); return err },
		"GetCapacity":             func() error { _, err := s.GetCapacity(ctx, &csipb.GetCapacityRequest{}); return err },
		"CreateSnapshot":          func() error { _, err := s.CreateSnapshot(ctx, &csipb.CreateSnapshotRequest{}); return err },
		"GetSnapshot":             func() error { _, err := s.GetSnapshot(ctx, &csipb.GetSnapshotRequest{}); return err },
		"ListSnapshots":           func() error { _, err := s.ListSnapshots(ctx, &csipb.ListSnapshotsRequest{}); return err },
		"ControllerExpandVolume":  func() error { _, err := s.ControllerExpandVolume(ctx, expandTo("a", 1, 0)); return err },
		"ControllerGetVolume":     func() error { _, err := s.ControllerGetVolume(ctx, &csipb.ControllerGetVolumeRequest{}); return err },
		"ControllerModifyVolume": func() error {
			_, err := s.ControllerModifyVolume(ctx, &csipb.ControllerModifyVolumeRequest{})
			return err
		},
		"NodeExpandVolume": func() error { _, err := s.NodeExpandVolume(ctx, &csipb.NodeExpandVolumeRequest{}); return err },
	} {
		code(t, codes.Unimplemented, call(), name)
	}
	resp, err := s.ValidateVolumeCapabilities(ctx, &csipb.ValidateVolumeCapabilitiesRequest{VolumeId: "a", VolumeCapabilities: []*csipb.VolumeCapability{mounted(oneWriter)}})
	require.NoError(t, err, "every controller has it")
	require.NotNil(t, resp.GetConfirmed())
}

func TestRule32_ControllerServesOnlyNodeGetCapabilities(t *testing.T) {
	s := serve(t, newFake(), &csi.Options{Services: csi.ControllerService})
	_, err := s.NodeGetCapabilities(s.ctx(), &csipb.NodeGetCapabilitiesRequest{})
	require.NoError(t, err)
	_, err = s.NodeGetInfo(s.ctx(), &csipb.NodeGetInfoRequest{})
	code(t, codes.Unimplemented, err, "controller")
}
