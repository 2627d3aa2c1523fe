package speccheck

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	csipb "github.com/container-storage-interface/spec/lib/go/csi"
)

// Sizes in bytes (spec, Size Limits; csi.proto at node_id and mount_flags).
const (
	MaxString     = 128
	MaxNodeID     = 256
	MaxMap        = 4096
	MaxMountFlags = 4096
)

// coPrefix marks keys that Kubernetes adds to maps. They do not count against
// the size of a map, since service account tokens alone can exceed it.
const coPrefix = "csi.storage.k8s.io/"

// checkOf derives the check of a field from its type and name; nil if its
// type has no rule.
func checkOf(fd protoreflect.FieldDescriptor) func(protoreflect.Value) *Violation {
	switch {
	case fd.IsMap():
		return mapCheck(fd)
	case fd.Name() == "mount_flags":
		return checkMountFlags
	case fd.Kind() == protoreflect.StringKind:
		return eachOf(fd, stringCheck(fd.Name()))
	case fd.Kind() == protoreflect.EnumKind:
		return enumCheck(fd.Enum())
	case fd.Kind() == protoreflect.Int64Kind, fd.Kind() == protoreflect.Int32Kind:
		return checkNotNegative
	}
	return nil
}

// eachOf applies a check to the elements of a list, or to the value itself.
func eachOf(fd protoreflect.FieldDescriptor, check func(protoreflect.Value) *Violation) func(protoreflect.Value) *Violation {
	if !fd.IsList() {
		return check
	}
	return func(value protoreflect.Value) *Violation {
		list := value.List()
		for i := range list.Len() {
			if v := check(list.Get(i)); v != nil {
				v.Found += " in element " + strconv.Itoa(i)
				return v
			}
		}
		return nil
	}
}

func stringCheck(name protoreflect.Name) func(protoreflect.Value) *Violation {
	switch {
	case name == "volume_path":
		return checkNoNUL // where it is relative, there is no volume: not our code to give
	case strings.HasSuffix(string(name), "_path"):
		return checkPath
	case name == "node_id", name == "published_node_ids":
		return lengthCheck(MaxNodeID)
	}
	return lengthCheck(MaxString)
}

func lengthCheck(limit int) func(protoreflect.Value) *Violation {
	return func(value protoreflect.Value) *Violation {
		if n := len(value.String()); n > limit {
			return wrong(bytes(n), "at most "+bytes(limit))
		}
		return nil
	}
}

// checkPath checks a path. Paths are exempt from the limit on strings. Nothing
// is ever mounted on the root directory, and nobody wants it unmounted.
func checkPath(value protoreflect.Value) *Violation {
	path := value.String()
	if !strings.HasPrefix(path, "/") {
		return wrong(strconv.Quote(path), "an absolute path")
	}
	if filepath.Clean(path) == "/" {
		return wrong(strconv.Quote(path), "a path below the root directory")
	}
	return checkNoNUL(value)
}

func checkNoNUL(value protoreflect.Value) *Violation {
	if strings.IndexByte(value.String(), 0) >= 0 {
		return wrong("a path with a NUL byte", "a path without one")
	}
	return nil
}

func enumCheck(e protoreflect.EnumDescriptor) func(protoreflect.Value) *Violation {
	return func(value protoreflect.Value) *Violation {
		if n := value.Enum(); n == 0 || e.Values().ByNumber(n) == nil {
			return wrong(strconv.Itoa(int(n)), fmt.Sprintf("a value of %s other than 0", e.FullName()))
		}
		return nil
	}
}

func checkNotNegative(value protoreflect.Value) *Violation {
	if n := value.Int(); n < 0 {
		return wrong(strconv.FormatInt(n, 10), "a number that is not negative")
	}
	return nil
}

// checkMountFlags checks mount flags, which may be sensitive.
func checkMountFlags(value protoreflect.Value) *Violation {
	total, list := 0, value.List()
	for i := range list.Len() {
		flag := list.Get(i).String()
		if flag == "" || strings.IndexByte(flag, 0) >= 0 {
			return wrong("an empty flag or a NUL byte in element "+strconv.Itoa(i), "flags with neither")
		}
		total += len(flag)
	}
	if total > MaxMountFlags {
		return wrong(bytes(total)+" in all", "at most "+bytes(MaxMountFlags))
	}
	return nil
}

// mapCheck checks size, and the keys of secrets (spec, Secrets Requirements).
func mapCheck(fd protoreflect.FieldDescriptor) func(protoreflect.Value) *Violation {
	secret, _ := proto.GetExtension(fd.Options(), csipb.E_CsiSecret).(bool)
	return func(value protoreflect.Value) (violation *Violation) {
		total := 0
		value.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			key := k.String()
			if strings.HasPrefix(key, coPrefix) {
				return true
			}
			if secret && !onlyNameCharacters(key) {
				violation = wrong("a key with other characters", "keys of letters, digits, '-', '_' and '.'")
				return false
			}
			total += len(key) + len(v.String())
			return true
		})
		if violation == nil && total > MaxMap {
			violation = wrong(bytes(total)+" in all", "at most "+bytes(MaxMap))
		}
		return violation
	}
}

// onlyNameCharacters reports whether s is not empty and holds only letters,
// digits, '-', '_' and '.'
func onlyNameCharacters(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
