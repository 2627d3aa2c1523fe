package csi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

func TestRuling11_WhatARetryMayChange(t *testing.T) {
	base := &csipb.NodePublishVolumeRequest{
		VolumeId: "v", TargetPath: "/t", Secrets: map[string]string{"a": "1"},
		VolumeContext: map[string]string{"pool": "x", keyPodUID: "u1", keyTokens: "t1", keyEphemeral: "true"},
	}
	for name, test := range map[string]struct {
		edit func(*csipb.NodePublishVolumeRequest)
		same bool
	}{
		"nothing":   {func(*csipb.NodePublishVolumeRequest) {}, true},
		"secrets":   {func(r *csipb.NodePublishVolumeRequest) { r.Secrets = nil }, true},
		"tokens":    {func(r *csipb.NodePublishVolumeRequest) { r.VolumeContext[keyTokens] = "t2" }, true},
		"pod":       {func(r *csipb.NodePublishVolumeRequest) { delete(r.VolumeContext, keyPodUID) }, true},
		"ephemeral": {func(r *csipb.NodePublishVolumeRequest) { r.VolumeContext[keyEphemeral] = "false" }, false},
		"context":   {func(r *csipb.NodePublishVolumeRequest) { r.VolumeContext["pool"] = "y" }, false},
		"target":    {func(r *csipb.NodePublishVolumeRequest) { r.TargetPath = "/u" }, false},
		"readonly":  {func(r *csipb.NodePublishVolumeRequest) { r.Readonly = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := proto.CloneOf(base)
			test.edit(r)
			before := proto.CloneOf(r)
			require.Equal(t, test.same, identityOf("X", base) == identityOf("X", r))
			require.True(t, proto.Equal(before, r), "the request was changed")
		})
	}
	require.NotEqual(t, identityOf("X", base), identityOf("Y", base))
}

func TestKeys_IDsCannotCollide(t *testing.T) {
	require.NotEqual(t, attachKey("a", `b" on node "c`), attachKey(`a" on node "b`, "c"))
	require.NotEqual(t, volumeKey("named x"), volumeNameKey("x"))
}
