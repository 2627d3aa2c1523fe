package keyop

import (
	"context"
	"testing"
	"time"
)

func BenchmarkDoUncontended(b *testing.B) {
	table := New(Hooks{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	op := Op{RPC: "NodeStageVolume", ID: "vol-1", Keys: []Key{Exclusive("volume/vol-1")}, Identity: "x", Timeout: time.Minute}
	run := func(Contexts) (struct{}, error) { return struct{}{}, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Do(ctx, table, op, run); err != nil {
			b.Fatal(err)
		}
	}
}
