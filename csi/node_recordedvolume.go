package csi

import "slices"

// A recordedVolume is the part of a [NodeVolume] that may be written down: no
// secret, no token, no value of a secret mount option.
type recordedVolume struct {
	ID             string            `json:"id"`
	Context        map[string]string `json:"context,omitempty"`
	PublishContext map[string]string `json:"publishContext,omitempty"`
	Access         Access            `json:"access"`
	ReadOnly       bool              `json:"readOnly,omitempty"`
	Ephemeral      bool              `json:"ephemeral,omitempty"`
	Pod            *Pod              `json:"pod,omitempty"`
}

func recordVolume(v NodeVolume) recordedVolume {
	r := recordedVolume{
		ID: v.ID, Context: v.Context, PublishContext: v.PublishContext,
		Access: v.Access, ReadOnly: v.ReadOnly, Ephemeral: v.Ephemeral,
	}
	r.Access.Options = concealed(v.Access.Options)
	if v.Pod != nil {
		pod := *v.Pod
		pod.Tokens = nil
		r.Pod = &pod
	}
	return r
}

// mode is how the volume is used, for messages.
func (r recordedVolume) mode() string {
	if r.ReadOnly {
		return r.Access.Mode.String() + ", readonly"
	}
	return r.Access.Mode.String()
}

// nodeVolume returns the volume as it was, less what was not written down.
func (r recordedVolume) nodeVolume() NodeVolume {
	return NodeVolume{
		ID: r.ID, Context: r.Context, PublishContext: r.PublishContext,
		Access: r.Access, ReadOnly: r.ReadOnly, Ephemeral: r.Ephemeral, Pod: r.Pod,
	}
}

// concealed returns the options without the values of secret ones.
func concealed(options []Option) []Option {
	out := slices.Clone(options)
	for i := range out {
		if out[i].Secret {
			out[i].Value = ""
		}
	}
	return out
}
