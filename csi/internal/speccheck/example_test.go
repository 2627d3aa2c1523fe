package speccheck_test

import (
	"fmt"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/csikit/csikit/csi/internal/speccheck"
)

func ExampleCheck() {
	fmt.Println(speccheck.Check(&csipb.DeleteVolumeRequest{}))
	fmt.Println(speccheck.Check(&csipb.NodeUnpublishVolumeRequest{VolumeId: "vol-1", TargetPath: "data"}))
	// Output:
	// volume_id: found nothing, want a string that is not empty
	// target_path: found "data", want an absolute path
}
