package metrics_test

import (
	"fmt"
	"net/http"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/csi/metrics"
)

func Example() {
	m := metrics.New()
	opts := &csi.Options{}
	m.Observe(opts)
	d, err := csi.New("metrics.csi.example.com", &slow{}, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Watch(d)
	mux := http.NewServeMux()
	mux.Handle("/metrics", m.Handler())
	mux.Handle("/", d.StatusHandler())
	fmt.Println(d.OperationStats().Running, "operations are running")
	// Output: 0 operations are running
}
