package csi

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRule15_WhatABackendReturnsIsCompared(t *testing.T) {
	spec := &SnapshotSpec{Name: "s", Volume: VolumeRef{ID: "v"}, Topology: TopologyRequirement{Requisite: reachableZones("a")}}
	cut := func(edit func(*Snapshot)) *Snapshot {
		s := &Snapshot{ID: "id", VolumeID: "v", Created: time.Unix(1, 0), Topology: reachableZones("a")}
		edit(s)
		return s
	}
	for name, test := range map[string]struct {
		cut  *Snapshot
		want error
	}{
		"the one":        {cut(func(*Snapshot) {}), nil},
		"nothing":        {nil, ErrUnavailable},
		"no id":          {cut(func(s *Snapshot) { s.ID = "" }), ErrUnavailable},
		"long id":        {cut(func(s *Snapshot) { s.ID = strings.Repeat("x", 129) }), ErrUnavailable},
		"uncut":          {cut(func(s *Snapshot) { s.Created = time.Time{} }), ErrUnavailable},
		"another volume": {cut(func(s *Snapshot) { s.VolumeID = "w" }), ErrExists},
		"another place":  {cut(func(s *Snapshot) { s.Topology = reachableZones("b") }), ErrExists},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, compareSnapshot(spec, test.cut), test.want) })
	}
}
