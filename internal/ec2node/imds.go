package ec2node

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// imdsTimeout bounds all requests of one answer: with a hop limit of 1 a pod gets
// none, and other sources wait.
const imdsTimeout = 5 * time.Second

// FromIMDS asks the instance's metadata service (version 2).
func FromIMDS(ctx context.Context, client *imds.Client) (i Instance, err error) {
	ctx, cancel := context.WithTimeout(ctx, imdsTimeout)
	defer cancel()
	doc, err := client.GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return i, fmt.Errorf("instance metadata service (is its hop limit 2 for pods?): %w", err)
	}
	i = Instance{InstanceID: doc.InstanceID, Type: doc.InstanceType, Zone: doc.AvailabilityZone, Volumes: -1}
	if arn, err := get(ctx, client, "outpost-arn"); err == nil {
		i.OutpostARN = arn
	}
	if macs, err := get(ctx, client, "network/interfaces/macs/"); err == nil {
		i.Interfaces = len(strings.Fields(macs))
	}
	if mapping, err := get(ctx, client, "block-device-mapping/"); err == nil {
		i.Volumes = 1 // the root
		for _, name := range strings.Fields(mapping) {
			if strings.HasPrefix(name, "ebs") {
				i.Volumes++
			}
		}
	}
	return i, nil
}

func get(ctx context.Context, client *imds.Client, path string) (string, error) {
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(out.Content)
	_ = out.Content.Close()
	return string(text), err
}
