package deploy

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// The forms of [Files].
const (
	// Plain is one file of YAML documents.
	Plain = "plain"
	// Kustomize is a base: the plain file and a kustomization.yaml.
	Kustomize = "kustomize"
	// Helm is a chart.
	Helm = "helm"
)

// Forms are the output forms, the first being the default.
var Forms = []string{Plain, Kustomize, Helm}

// Files returns the files of a form, by their path below a directory.
func Files(d Driver, c Config, form string) (map[string]string, error) {
	switch form {
	case Plain, Kustomize:
		objects, err := Objects(d, c)
		if err != nil {
			return nil, err
		}
		text, err := Encode(objects)
		if err != nil {
			return nil, err
		}
		files := map[string]string{"driver.yaml": head(d.Name()) + string(text)}
		if form == Kustomize {
			files["kustomization.yaml"] = kustomization(objects)
		}
		return files, nil
	case Helm:
		return chart(d, c)
	}
	return nil, fmt.Errorf("there is no form %q; there are %s", form, strings.Join(Forms, ", "))
}

// head tells where the file came from. It begins with no version and no date, so
// that equal manifests are equal files.
func head(driver string) string {
	return "# Kubernetes manifests of the CSI driver " + driver + ", made by its command `manifests`.\n" +
		"# Change the command's flags rather than this file.\n"
}

// kustomization is a base. Overlays change the image by its name.
func kustomization(objects []Object) string {
	return "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" +
		"namespace: " + objects[0].GetName() + "\nresources:\n- driver.yaml\n"
}

// Text returns files as one text, each after a comment with its path.
func Text(files map[string]string) string {
	if len(files) == 1 {
		for _, text := range files {
			return text
		}
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&out, "# file: %s\n%s\n", path.Clean(name), files[name])
	}
	return out.String()
}
