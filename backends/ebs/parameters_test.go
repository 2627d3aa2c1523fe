package ebs

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/csi"
)

func TestShape_LimitsNameTheNearest(t *testing.T) {
	for _, c := range []struct {
		parameters map[string]string
		size       csi.SizeRange
		gib, iops  int64
		err        error
		says       string
	}{
		{map[string]string{"type": "st1"}, csi.SizeRange{Required: 11 * gib}, 125, 0, nil, ""},
		{map[string]string{"type": "st1"}, csi.SizeRange{Required: 11 * gib, Limit: 20 * gib}, 0, 0, csi.ErrOutOfRange, "125"},
		{nil, csi.SizeRange{}, 100, 0, nil, ""},
		{nil, csi.SizeRange{Limit: 10*gib + 1}, 10, 0, nil, ""},
		{nil, csi.SizeRange{Required: gib + 1}, 2, 0, nil, ""},
		{nil, csi.SizeRange{Required: 65536 * gib}, 65536, 0, nil, ""},
		{nil, csi.SizeRange{Required: 65537 * gib}, 0, 0, csi.ErrOutOfRange, "65536"},
		{map[string]string{"TYPE": "io1", "iopsPerGB": "20"}, csi.SizeRange{Required: 14 * gib}, 14, 280, nil, ""},
		{map[string]string{"type": "io1", "iopspergb": "20"}, csi.SizeRange{Required: 4 * gib}, 4, 0, csi.ErrInvalid, "nearest is 100"},
		{map[string]string{"type": "io1", "iopsPerGB": "20", "allowAutoIOPSPerGBIncrease": "true"}, csi.SizeRange{Required: 4 * gib}, 4, 100, nil, ""},
		{map[string]string{"type": "io1", "iopsPerGB": "51"}, csi.SizeRange{Required: 10 * gib}, 0, 0, csi.ErrInvalid, "nearest is 500"},
		{map[string]string{"iops": "50000"}, csi.SizeRange{Required: 200 * gib}, 200, 50000, nil, ""},
		{map[string]string{"iops": "80001"}, csi.SizeRange{Required: 1000 * gib}, 0, 0, csi.ErrInvalid, "nearest is 80000"},
		{map[string]string{"type": "io2", "iops": "256000"}, csi.SizeRange{Required: 256 * gib}, 256, 256000, nil, ""},
		{map[string]string{"type": "io2"}, csi.SizeRange{Required: gib}, 0, 0, csi.ErrInvalid, "nearest is 100"},
		{map[string]string{"type": "gp2", "iops": "100"}, csi.SizeRange{}, 0, 0, csi.ErrInvalid, "cannot be chosen"},
		{map[string]string{"throughput": "2001"}, csi.SizeRange{}, 0, 0, csi.ErrInvalid, "nearest is 2000"},
	} {
		t.Run(fmt.Sprint(c.parameters, c.size), func(t *testing.T) {
			p, err := parseClass(c.parameters, nil)
			require.NoError(t, err)
			s, err := p.shapeOf(c.size)
			require.ErrorIs(t, err, c.err)
			if c.err != nil {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.Equal(t, c.gib, s.sizeGiB)
			require.Equal(t, c.iops, s.iops)
		})
	}
}

func TestParameters_BadOnesAreRefused(t *testing.T) {
	for _, c := range []struct {
		class, mutable map[string]string
		says           string
	}{
		{map[string]string{"speed": "1"}, nil, "no such parameter"},
		{map[string]string{"type": "gp9"}, nil, "is not one of gp3, gp2"},
		{map[string]string{"iops": "1", "iopsPerGB": "1"}, nil, "exclude"},
		{map[string]string{"iops": "many"}, nil, "whole number"},
		{map[string]string{"Iops": "3000", "iops": "4000"}, nil, "are the same and differ"},
		{map[string]string{"encrypted": "false", "kmsKeyId": "k"}, nil, "kmsKeyId"},
		{map[string]string{"volumeInitializationRate": "301"}, nil, "nearest is 300"},
		{map[string]string{"tagSpecification_1": "CSIVolumeName=x"}, nil, "reserved"},
		{map[string]string{"tagSpecification_1": "novalue"}, nil, "key=value"},
		{map[string]string{"tagSpecification_1": "a={{ .PVCName"}, nil, "tag"},
		{nil, map[string]string{"encrypted": "true"}, "no such parameter"},
		{nil, map[string]string{"tagDeletion_1": "aws:x"}, "reserved"},
	} {
		_, err := parseClass(c.class, c.mutable)
		require.ErrorIs(t, err, csi.ErrInvalid, "%v", c)
		require.ErrorContains(t, err, c.says)
	}
}

// TestParameters_WhatModifiesAlsoCreates: every key of a VolumeAttributesClass is
// taken at creation, wins there, and in any case of letters.
func TestParameters_WhatModifiesAlsoCreates(t *testing.T) {
	mutable := map[string]string{"type": "io2", "IOPSPERGB": "10", "allowAutoIOPSIncreaseOnModify": "true", "tagSpecification_1": "a={{ .PVCName | toUpper }}", "tagDeletion_1": "b"}
	_, err := parseClass(nil, mutable)
	require.NoError(t, err)
	p, err := parseClass(map[string]string{"type": "gp3", "iops": "3000"}, mutable)
	require.NoError(t, err)
	require.Equal(t, "io2", p.volumeType)
	require.Equal(t, int64(10), p.iopsPerGB)
	require.Zero(t, p.iops)
	tags, err := p.tags.Tags(volumeFields(csi.Owner{Name: "data"}), checkTag)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "DATA"}, tags)
}

func TestDeviceNames_EnoughForTheLargestInstance(t *testing.T) {
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(candidates))), len(candidates))
	require.GreaterOrEqual(t, len(candidates), 127)
}
