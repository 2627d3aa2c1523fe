package ebs

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/csi"
	"github.com/csikit/csikit/internal/awscall"
)

// illnesses are the states of a volume that are problems ("Amazon EBS volume
// status checks", EBS User Guide). Of one without enough data nothing is known.
var illnesses = map[types.VolumeStatusInfoStatus]csi.Problem{
	types.VolumeStatusInfoStatusImpaired: {Kind: csi.Inaccessible, Reason: "VolumeImpaired"}, // its I/O is disabled or stalled
	types.VolumeStatusInfoStatusWarning:  {Kind: csi.Degraded, Reason: "VolumeWarning"},
}

// fetchIll returns all volumes of the region whose status is a problem, in a map
// with one key: DescribeVolumeStatus filters by status, and by ids only so that
// one unknown id spoils the call. There are few.
func (b *Backend) fetchIll(ctx context.Context, _ []string) (map[string]map[string]types.VolumeStatusItem, error) {
	p := ec2.NewDescribeVolumeStatusPaginator(b.ec2, &ec2.DescribeVolumeStatusInput{Filters: []types.Filter{filter("volume-status.status", "impaired", "warning")}})
	all := awscall.Pages(ctx, p, func(out *ec2.DescribeVolumeStatusOutput) []types.VolumeStatusItem { return out.VolumeStatuses })
	ill, err := awscall.ByKey(all, func(s types.VolumeStatusItem) *string { return s.VolumeId })
	return map[string]map[string]types.VolumeStatusItem{"": ill}, err
}

// VolumeHealth implements [csi.HealthReporter].
func (b *Backend) VolumeHealth(ctx context.Context, v csi.VolumeRef) ([]csi.Problem, error) {
	if _, err := b.volume(ctx, v.ID); err != nil {
		return nil, err
	}
	ill, _, err := b.ill.Get(ctx, "")
	if status, found := ill[v.ID]; found {
		return []csi.Problem{problem(status)}, err
	}
	return nil, err
}

// UnhealthyVolumes implements [csi.HealthLister].
func (b *Backend) UnhealthyVolumes(ctx context.Context, _ csi.ListQuery) iter.Seq2[csi.VolumeProblem, error] {
	return func(yield func(csi.VolumeProblem, error) bool) {
		ill, _, err := b.ill.Get(ctx, "")
		if err != nil || len(ill) == 0 {
			if err != nil {
				yield(csi.VolumeProblem{}, err)
			}
			return
		}
		for v, err := range b.ListVolumes(ctx, csi.ListQuery{}) {
			if err != nil {
				yield(csi.VolumeProblem{}, err)
				return
			}
			if status, found := ill[v.ID]; found && !yield(csi.VolumeProblem{ID: v.ID, Problem: problem(status)}, nil) {
				return
			}
		}
	}
}

// problem tells what EC2 says: what happened, what to do about it, and which
// checks failed.
func problem(s types.VolumeStatusItem) csi.Problem {
	status := cmp.Or(s.VolumeStatus, &types.VolumeStatusInfo{Status: types.VolumeStatusInfoStatusImpaired})
	var said []string
	for _, e := range s.Events {
		said = append(said, aws.ToString(e.Description))
	}
	for _, a := range s.Actions {
		said = append(said, aws.ToString(a.Description))
	}
	for _, d := range status.Details {
		said = append(said, fmt.Sprintf("%s: %s", d.Name, aws.ToString(d.Status)))
	}
	p := illnesses[status.Status]
	p.Message = strings.Join(said, "; ")
	return p
}
