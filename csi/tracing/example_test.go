package tracing_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/tracing"
)

func Example() {
	// A program adds its exporter here: sdktrace.WithBatcher(exporter).
	provider := sdktrace.NewTracerProvider()
	defer func() { _ = provider.Shutdown(context.Background()) }()

	opts := &csi.Options{}
	tracing.Observe(opts, provider)
	d, err := csi.New("tracing.csi.example.com", &slow{}, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Name(), "is traced")
	// Output: tracing.csi.example.com is traced
}
