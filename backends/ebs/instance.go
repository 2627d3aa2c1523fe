package ebs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
)

// instance finds the instance of a node.
func (b *Backend) instance(ctx context.Context, id string) (*types.Instance, error) {
	if !instanceID.MatchString(id) {
		return nil, notFound("instance", id)
	}
	i, err := known(ctx, b, b.instances, "instance", id)
	if err == nil && i.State != nil && (i.State.Name == types.InstanceStateNameTerminated || i.State.Name == types.InstanceStateNameShuttingDown) {
		return nil, fmt.Errorf("%w: instance %s is %s", csi.ErrNotFound, id, i.State.Name)
	}
	return i, err
}

// mappingAge is how long the names that an instance's mapping showed are good
// for: what this process attaches it knows itself, and if somebody else has
// attached something, EC2 refuses the name.
const mappingAge = 10 * time.Minute

// doubtfulFor is how long a name is left alone that EC2 says is in use although
// nobody sees it.
const doubtfulFor = time.Hour

// deviceName reserves a device name of a node for a volume.
func (b *Backend) deviceName(ctx context.Context, node, volume string) (string, error) {
	if name := b.devices.Take(node, volume); name != "" {
		return name, nil
	}
	asked := time.Now()
	i, err := b.instance(ctx, node)
	if err != nil {
		return "", err
	}
	var mapped []string
	for _, m := range i.BlockDeviceMappings {
		mapped = append(mapped, aws.ToString(m.DeviceName))
	}
	b.devices.Seen(node, mapped, asked)
	if name := b.devices.Take(node, volume); name != "" {
		return name, nil
	}
	return "", fmt.Errorf("%w: node %s has no device name left", csi.ErrExhausted, node)
}
