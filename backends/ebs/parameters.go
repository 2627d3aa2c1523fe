package ebs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/csikit/csikit/csi"
)

// performance is what a StorageClass and a VolumeAttributesClass may both say.
// 0 and "" mean that it is not said.
type performance struct {
	volumeType                  string
	iops, iopsPerGB, throughput int64
	keepRatio                   *bool // allowAutoIOPSIncreaseOnModify
	tags                        []string
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

// A parameter is one key, by its lower-case name.
type parameter struct {
	mutable bool // also of a VolumeAttributesClass
	set     func(p *parameters, value string) error
}

// The names are those of aws-ebs-csi-driver (docs/parameters.md and
// pkg/driver/constants.go there).
var parameterNames = map[string]parameter{
	"type":                          {true, func(p *parameters, v string) error { p.volumeType = v; _, err := typeNamed(v); return err }},
	"volumetype":                    {true, func(p *parameters, v string) error { p.volumeType = v; _, err := typeNamed(v); return err }},
	"iops":                          {true, func(p *parameters, v string) error { return number(v, &p.iops) }},
	"iopspergb":                     {true, func(p *parameters, v string) error { return number(v, &p.iopsPerGB) }},
	"throughput":                    {true, func(p *parameters, v string) error { return number(v, &p.throughput) }},
	"allowautoiopsincreaseonmodify": {true, func(p *parameters, v string) error { p.keepRatio = new(bool); return boolean(v, p.keepRatio) }},
	"allowautoiopspergbincrease":    {false, func(p *parameters, v string) error { return boolean(v, &p.raiseIOPS) }},
	"encrypted":                     {false, func(p *parameters, v string) error { p.encrypted = new(bool); return boolean(v, p.encrypted) }},
	"kmskeyid":                      {false, func(p *parameters, v string) error { p.kmsKey = v; return nil }},
	"volumeinitializationrate":      {false, initRate},
	"blockattachuntilinitialized":   {false, func(p *parameters, v string) error { return boolean(v, &p.waitInitialized) }},
	"blockexpress":                  {false, func(*parameters, string) error { return nil }}, // all io2 volumes are Block Express now
	"fstype":                        {false, func(*parameters, string) error { return nil }}, // only csi.storage.k8s.io/fstype counts
}

// formatNames maps the lower-case names of file system options, which volumes
// of aws-ebs-csi-driver carry in their context, to those of package fs.
var formatNames = map[string]string{
	"blocksize": "blockSize", "inodesize": "inodeSize", "bytesperinode": "bytesPerInode",
	"numberofinodes": "numberOfInodes", "ext4bigalloc": "ext4BigAlloc",
	"ext4clustersize": "ext4ClusterSize", "ext4encryptionsupport": "ext4EncryptionSupport",
}

// parseClass reads the parameters of a StorageClass, over which those of a
// VolumeAttributesClass win.
func parseClass(class, mutable map[string]string) (*parameters, error) {
	p := &parameters{format: map[string]string{}}
	if err := p.read(class, false); err != nil {
		return nil, err
	}
	over := &parameters{}
	if err := over.read(mutable, true); err != nil {
		return nil, err
	}
	p.performance = p.override(&over.performance)
	return p, p.check()
}

// parseModification reads the parameters of a VolumeAttributesClass.
func parseModification(mutable map[string]string) (*performance, error) {
	p := &parameters{}
	if err := p.read(mutable, true); err != nil {
		return nil, err
	}
	return &p.performance, p.check()
}

func (p *parameters) read(from map[string]string, onlyMutable bool) error {
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(from)) {
		name, value := strings.ToLower(key), from[key]
		if other, twice := seen[name]; twice && from[other] != value {
			return fmt.Errorf("%w: parameters %s and %s are the same and differ", csi.ErrInvalid, other, key)
		}
		seen[name] = key
		if err := p.set(name, value, onlyMutable); err != nil {
			return fmt.Errorf("parameter %s=%q: %w", key, value, err)
		}
	}
	return nil
}

func (p *parameters) set(name, value string, onlyMutable bool) error {
	known, ok := parameterNames[name]
	switch {
	case strings.HasPrefix(name, "tagspecification"):
		p.tags = append(p.tags, value)
		return nil
	case strings.HasPrefix(name, "tagdeletion"):
		p.untag = append(p.untag, value)
		return nil
	case !onlyMutable && formatNames[name] != "":
		p.format[name] = value
		return nil
	case !ok || onlyMutable && !known.mutable:
		return fmt.Errorf("%w: there is no such parameter; there are %s", csi.ErrInvalid, strings.Join(allowedNames(onlyMutable), ", "))
	}
	return known.set(p, value)
}

func allowedNames(onlyMutable bool) []string {
	names := []string{"tagspecification_n", "tagdeletion_n"}
	for name, p := range parameterNames {
		if p.mutable || !onlyMutable {
			names = append(names, name)
		}
	}
	if !onlyMutable {
		names = slices.AppendSeq(names, maps.Keys(formatNames))
	}
	slices.Sort(names)
	return names
}

func (p *parameters) check() error {
	switch {
	case p.iops > 0 && p.iopsPerGB > 0:
		return fmt.Errorf("%w: iops and iopsPerGB exclude each other", csi.ErrInvalid)
	case p.kmsKey != "" && p.encrypted != nil && !*p.encrypted:
		return fmt.Errorf("%w: kmsKeyId says which key encrypts the volume, but encrypted is false", csi.ErrInvalid)
	}
	return checkTagTexts(p.tags, p.untag)
}

// override returns p with what other says instead. The IOPS of one replace the
// ratio of the other.
func (p performance) override(other *performance) performance {
	if other.iops > 0 || other.iopsPerGB > 0 {
		p.iops, p.iopsPerGB = other.iops, other.iopsPerGB
	}
	if other.volumeType != "" {
		p.volumeType = other.volumeType
	}
	if other.throughput > 0 {
		p.throughput = other.throughput
	}
	if other.keepRatio != nil {
		p.keepRatio = other.keepRatio
	}
	p.tags = append(slices.Clip(p.tags), other.tags...)
	p.untag = append(slices.Clip(p.untag), other.untag...)
	return p
}

func number(text string, n *int64) error {
	got, err := strconv.ParseInt(text, 10, 32)
	if err != nil || got < 1 {
		return fmt.Errorf("%w: want a whole number from 1 to %d", csi.ErrInvalid, 1<<31-1)
	}
	*n = got
	return nil
}

func boolean(text string, b *bool) error {
	got, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return fmt.Errorf("%w: want true or false", csi.ErrInvalid)
	}
	*b = got
	return nil
}

func initRate(p *parameters, text string) error {
	if err := number(text, &p.initRate); err != nil {
		return err
	}
	if p.initRate < minInitRate || p.initRate > maxInitRate {
		return fmt.Errorf("%w: the rate is %d to %d MiB/s; the nearest is %d", csi.ErrInvalid, minInitRate, maxInitRate, min(max(p.initRate, minInitRate), maxInitRate))
	}
	return nil
}
