package ebs

import (
	"cmp"
	"slices"

	"github.com/csikit/csikit/internal/classparam"
	"github.com/csikit/csikit/internal/tagtext"
)

// performance is what a StorageClass and a VolumeAttributesClass may both say.
// 0 and "" mean that it is not said.
type performance struct {
	volumeType                  string
	iops, iopsPerGB, throughput int64
	keepRatio                   *bool         // allowAutoIOPSIncreaseOnModify
	tags                        tagtext.Texts // such as "team={{ .PVCNamespace }}"
	untag                       []string
}

// parameters are those of a StorageClass.
type parameters struct {
	performance
	raiseIOPS       bool // allowAutoIOPSPerGBIncrease
	encrypted       *bool
	kmsKey          string
	initRate        int64
	waitInitialized bool
	format          map[string]string // file system options, by lower-case name
}

// The names are those of aws-ebs-csi-driver (docs/parameters.md and
// pkg/driver/constants.go there).
var (
	// mutableNames are the parameters of a VolumeAttributesClass.
	mutableNames = classparam.Names[parameters]{
		"type":                          setType,
		"volumetype":                    setType,
		"iops":                          func(p *parameters, v string) error { return classparam.Number(&p.iops, v) },
		"iopspergb":                     func(p *parameters, v string) error { return classparam.Number(&p.iopsPerGB, v) },
		"throughput":                    func(p *parameters, v string) error { return classparam.Number(&p.throughput, v) },
		"allowautoiopsincreaseonmodify": func(p *parameters, v string) error { return setFlag(&p.keepRatio, v) },
		"tagspecification*":             func(p *parameters, v string) error { return p.tags.Add(v, checkTag) },
		"tagdeletion*":                  func(p *parameters, v string) error { p.untag = append(p.untag, v); return checkTag(v, "") },
	}
	// classNames are those of a StorageClass.
	classNames = mutableNames.With(formatSetters()).With(classparam.Names[parameters]{
		"allowautoiopspergbincrease": func(p *parameters, v string) error { return classparam.Bool(&p.raiseIOPS, v) },
		"encrypted":                  func(p *parameters, v string) error { return setFlag(&p.encrypted, v) },
		"kmskeyid":                   func(p *parameters, v string) error { p.kmsKey = v; return nil },
		"volumeinitializationrate": func(p *parameters, v string) error {
			return classparam.Between(&p.initRate, v, minInitRate, maxInitRate)
		},
		"blockattachuntilinitialized": func(p *parameters, v string) error { return classparam.Bool(&p.waitInitialized, v) },
		"blockexpress":                func(*parameters, string) error { return nil }, // all io2 volumes are Block Express now
		"fstype":                      func(*parameters, string) error { return nil }, // only csi.storage.k8s.io/fstype counts
	})
)

// formatNames maps the lower-case names of file system options, which volumes
// of aws-ebs-csi-driver carry in their context, to those of package fs.
var formatNames = map[string]string{
	"blocksize": "blockSize", "inodesize": "inodeSize", "bytesperinode": "bytesPerInode",
	"numberofinodes": "numberOfInodes", "ext4bigalloc": "ext4BigAlloc",
	"ext4clustersize": "ext4ClusterSize", "ext4encryptionsupport": "ext4EncryptionSupport",
}

func formatSetters() classparam.Names[parameters] {
	setters := classparam.Names[parameters]{}
	for name := range formatNames {
		setters[name] = func(p *parameters, v string) error { p.format[name] = v; return nil }
	}
	return setters
}

func setType(p *parameters, value string) error {
	p.volumeType = value
	_, err := typeNamed(value)
	return err
}

func setFlag(flag **bool, value string) error {
	*flag = new(bool)
	return classparam.Bool(*flag, value)
}

// parseClass reads the parameters of a StorageClass, over which those of a
// VolumeAttributesClass win.
func parseClass(class, mutable map[string]string) (*parameters, error) {
	p := &parameters{format: map[string]string{}}
	if err := classNames.Read(p, class); err != nil {
		return nil, err
	}
	over := &parameters{}
	if err := mutableNames.Read(over, mutable); err != nil {
		return nil, err
	}
	p.performance = p.override(&over.performance)
	return p, p.check()
}

func (p *parameters) check() error {
	switch {
	case p.iops > 0 && p.iopsPerGB > 0:
		return invalid("iops and iopsPerGB exclude each other")
	case p.kmsKey != "" && p.encrypted != nil && !*p.encrypted:
		return invalid("kmsKeyId says which key encrypts the volume, but encrypted is false")
	}
	return nil
}

// override returns p with what other says instead. The IOPS of one replace the
// ratio of the other.
func (p performance) override(other *performance) performance {
	if other.iops > 0 || other.iopsPerGB > 0 {
		p.iops, p.iopsPerGB = other.iops, other.iopsPerGB
	}
	p.volumeType = cmp.Or(other.volumeType, p.volumeType)
	p.throughput = cmp.Or(other.throughput, p.throughput)
	p.keepRatio = cmp.Or(other.keepRatio, p.keepRatio)
	p.tags = append(slices.Clip(p.tags), other.tags...)
	p.untag = append(slices.Clip(p.untag), other.untag...)
	return p
}
