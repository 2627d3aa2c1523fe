package ec2test

import (
	"maps"
	"slices"
	"strings"
	"time"
)

type tagInput struct {
	Key   string
	Value *string
}

type tagSpecification struct {
	ResourceType string
	Tags         []tagInput `ec2:"Tag"`
}

// mostTags is how many tags a resource may have (EC2 user guide, "Tag
// restrictions").
const mostTags = 50

// tagsFor merges the tags that are meant for a kind of resource.
func tagsFor(kind string, specs []tagSpecification) (map[string]string, error) {
	tags := map[string]string{}
	for _, spec := range specs {
		if spec.ResourceType != kind {
			return nil, errorf("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		if err := addTags(tags, spec.Tags); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

func addTags(tags map[string]string, add []tagInput) error {
	for _, t := range add {
		value := ""
		if t.Value != nil {
			value = *t.Value
		}
		switch {
		case t.Key == "":
			return errorf("InvalidParameterValue", "Tag key cannot be empty.")
		case len([]rune(t.Key)) > 127:
			return errorf("InvalidParameterValue", "Tag key exceeds the maximum length of 127 characters")
		case len([]rune(value)) > 255:
			return errorf("InvalidParameterValue", "Tag value exceeds the maximum length of 255 characters")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return errorf("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		}
		tags[t.Key] = value
	}
	if len(tags) > mostTags {
		return errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return nil
}

type changeTagsInput struct {
	ResourceIds []string   `ec2:"ResourceId"`
	Tags        []tagInput `ec2:"Tag"`
}

func (s *Server) createTags(c *call, in *changeTagsInput) (any, error) {
	return s.changeTags(c, in, func(tags map[string]string) error { return addTags(tags, in.Tags) })
}

// deleteTags removes the tags given, all if none is; one with a value only if
// it has that value.
func (s *Server) deleteTags(c *call, in *changeTagsInput) (any, error) {
	return s.changeTags(c, in, func(tags map[string]string) error {
		if len(in.Tags) == 0 {
			clear(tags)
		}
		for _, t := range in.Tags {
			if t.Value == nil || tags[t.Key] == *t.Value {
				delete(tags, t.Key)
			}
		}
		return nil
	})
}

func (s *Server) changeTags(c *call, in *changeTagsInput, change func(map[string]string) error) (any, error) {
	if len(in.ResourceIds) == 0 {
		return nil, errorf("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	var writes []func()
	for _, id := range in.ResourceIds {
		tags, write, err := s.taggable(id, c.now)
		if err != nil {
			return nil, err
		}
		tags = maps.Clone(tags)
		if tags == nil {
			tags = map[string]string{}
		}
		if err := change(tags); err != nil {
			return nil, err
		}
		writes = append(writes, func() { write(tags) })
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	for _, write := range writes {
		write()
	}
	return done{true}, nil
}

// taggable returns the tags of a resource and how to replace them.
func (s *Server) taggable(id string, now time.Time) (map[string]string, func(map[string]string), error) {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "vol":
		v, err := existing(s.volumes, prefix, id)
		if err != nil {
			return nil, nil, err
		}
		return v.Tags, func(tags map[string]string) { v.Tags = tags; s.putVolume(v, now) }, nil
	case "snap":
		n, err := existing(s.snapshots, prefix, id)
		if err != nil {
			return nil, nil, err
		}
		return n.Tags, func(tags map[string]string) { n.Tags = tags; s.putSnapshot(n, now) }, nil
	case "i":
		i, err := existing(s.instances, prefix, id)
		if err != nil {
			return nil, nil, err
		}
		return i.Tags, func(tags map[string]string) { i.Tags = tags; s.putInstance(i, now) }, nil
	}
	return nil, nil, errorf("InvalidID", "The ID '%s' is not valid", id)
}

type describeTagsInput struct{ selection }

type tagDescriptionXML struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

type describeTagsOutput struct {
	Tags      []tagDescriptionXML `xml:"tagSet>item"`
	NextToken string              `xml:"nextToken,omitempty"`
}

func (s *Server) describeTags(c *call, in *describeTagsInput) (any, error) {
	all := map[string]tagDescriptionXML{}
	add := func(kind, id string, tags map[string]string) {
		for k, v := range tags {
			all[id+" "+k] = tagDescriptionXML{id, kind, k, v}
		}
	}
	for _, id := range s.volumes.ids() {
		if v := s.volumes.seen(id, c.now); v != nil {
			add("volume", id, v.Tags)
		}
	}
	for _, id := range s.snapshots.ids() {
		if n := s.snapshots.seen(id, c.now); n != nil {
			add("snapshot", id, n.Tags)
		}
	}
	for _, id := range s.instances.ids() {
		if i := s.instances.seen(id, c.now); i != nil {
			add("instance", id, i.Tags)
		}
	}
	rows, next, err := choose(source[tagDescriptionXML]{
		ids: slices.Sorted(maps.Keys(all)), row: func(k string) *tagDescriptionXML { t := all[k]; return &t },
		values: tagDescriptionValues, tags: func(t *tagDescriptionXML) map[string]string { return map[string]string{t.Key: t.Value} },
		page: pageLimits{least: 5, most: 1000},
	}, nil, in.selection)
	if err != nil {
		return nil, err
	}
	out := describeTagsOutput{NextToken: next}
	for _, t := range rows {
		out.Tags = append(out.Tags, *t)
	}
	return out, nil
}

func tagDescriptionValues(t *tagDescriptionXML, filter string) ([]string, bool) {
	switch filter {
	case "resource-id":
		return []string{t.ResourceID}, true
	case "resource-type":
		return []string{t.ResourceType}, true
	case "key":
		return []string{t.Key}, true
	case "value":
		return []string{t.Value}, true
	}
	return nil, false
}
