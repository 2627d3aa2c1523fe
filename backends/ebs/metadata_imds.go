package ebs

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

// IMDS asks the instance's metadata service (version 2). The endpoint is the
// client's: AWS_EC2_METADATA_SERVICE_ENDPOINT if it was made of a configuration.
func IMDS(client *imds.Client) MetadataSource { return imdsSource{client} }

type imdsSource struct{ client *imds.Client }

// Metadata implements [MetadataSource].
func (s imdsSource) Metadata(ctx context.Context) (m Metadata, err error) {
	ctx, cancel := context.WithTimeout(ctx, imdsTimeout)
	defer cancel()
	doc, err := s.client.GetInstanceIdentityDocument(ctx, nil)
	if err != nil {
		return m, fmt.Errorf("instance metadata service (is its hop limit 2 for pods?): %w", err)
	}
	m = Metadata{InstanceID: doc.InstanceID, Type: doc.InstanceType, Zone: doc.AvailabilityZone, Volumes: -1}
	if arn, err := s.get(ctx, "outpost-arn"); err == nil {
		m.OutpostARN = arn
	}
	if macs, err := s.get(ctx, "network/interfaces/macs/"); err == nil {
		m.Interfaces = len(strings.Fields(macs))
	}
	if mapping, err := s.get(ctx, "block-device-mapping/"); err == nil {
		m.Volumes = 1 // the root
		for _, name := range strings.Fields(mapping) {
			if strings.HasPrefix(name, "ebs") {
				m.Volumes++
			}
		}
	}
	return m, nil
}

func (s imdsSource) get(ctx context.Context, path string) (string, error) {
	out, err := s.client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(out.Content)
	_ = out.Content.Close()
	return string(text), err
}
