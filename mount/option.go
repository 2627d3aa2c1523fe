package mount

// An Option is one mount option as data, never a comma string: values such as
// SELinux contexts hold commas. A flag such as noatime has a Key only.
type Option struct {
	Key, Value string
	// Secret values never reach an argv or a log.
	Secret bool
}

// String is the option as messages show it: KEY or KEY=VALUE, a secret value
// replaced.
func (o Option) String() string {
	switch {
	case o.Secret:
		return o.Key + "=***"
	case o.Value == "":
		return o.Key
	}
	return o.Key + "=" + o.Value
}

// GoString is String, so that %#v hides secrets too.
func (o Option) GoString() string { return o.String() }
