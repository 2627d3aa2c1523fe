package ebs

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/csikit/csikit/internal/poll"
)

// Things are found by filters, so that one unknown id is no error of the whole
// call: what is not found is missing in the answer.

// mostValues is how many values a filter of EC2 takes.
const mostValues = 200

// times are how long EC2's changes take.
type times struct{ create, copy, attach, detach, modify *poll.Times }

// newTimes begins with what is known of small volumes: creation and attachment
// from aws-ebs-csi-driver's pkg/cloud/cloud.go, the others from experience.
func newTimes() times {
	return times{
		create: poll.NewTimes(time.Second, 4*time.Second), copy: poll.NewTimes(2*time.Second, 6*time.Second),
		attach: poll.NewTimes(time.Second, 4*time.Second), detach: poll.NewTimes(2*time.Second, 6*time.Second),
		modify: poll.NewTimes(2*time.Second, 8*time.Second),
	}
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// literal escapes what filters take as wildcards.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

func literals(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = literal.Replace(v)
	}
	return out
}

// ours are the filters of what this driver made, by the tag that holds a name.
func (b *Backend) ours(nameKey string) []types.Filter {
	filters := []types.Filter{filter("tag-key", nameKey)}
	if b.o.ClusterID != "" {
		return append(filters, filter("tag:kubernetes.io/cluster/"+literal.Replace(b.o.ClusterID), "owned"))
	}
	return append(filters, filter("tag:"+tagOurs, "true"))
}
