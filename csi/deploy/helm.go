package deploy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// A chart is made of the same objects as the plain form: where an operator's
// choice would be there is a mark, which becomes a reference to a value.
const (
	markImage     = "mark.image"
	markNamespace = "mark-namespace"
	markKubelet   = "/mark.kubelet"
	markLogLevel  = "mark.log"
	markFSType    = "mark.fstype"
	markSidecar   = "mark.sidecar/" // and the sidecar's name
	markReplicas  = 918273645
)

// chart returns the files of a Helm chart.
func chart(d Driver, c Config) (map[string]string, error) {
	p, err := newPlan(d, c)
	if err != nil {
		return nil, err
	}
	marked := p.Config
	marked.Image, marked.Namespace, marked.KubeletDir = markImage, markNamespace, markKubelet
	marked.LogLevel, marked.DefaultFSType, marked.Replicas = markLogLevel, markFSType, markReplicas
	marked.Sidecars = map[string]string{}
	images := map[string]any{}
	for name := range versions {
		if p.uses(name) {
			marked.Sidecars[name], images[name] = markSidecar+name, p.image(name)
		}
	}
	objects, err := Objects(d, marked)
	if err != nil {
		return nil, err
	}
	text, err := Encode(objects[1:]) // Helm makes the namespace
	if err != nil {
		return nil, err
	}
	values, err := yaml.Marshal(map[string]any{
		"image": p.Image, "replicas": p.Replicas, "kubeletDir": p.KubeletDir, "logLevel": p.LogLevel,
		"defaultFSType": p.DefaultFSType, "sidecars": images,
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"Chart.yaml":            chartFile(p),
		"values.yaml":           string(values),
		"templates/driver.yaml": references(string(text)),
		"templates/NOTES.txt":   notes(p),
	}, nil
}

func chartFile(p *plan) string {
	return fmt.Sprintf("apiVersion: v2\nname: %s\ndescription: The CSI driver %s\ntype: application\nversion: 0.1.0\n",
		p.name, p.driver.Name())
}

func notes(p *plan) string {
	return "The node plugin of " + p.driver.Name() + " is privileged. If namespaces of the cluster are restricted, allow it:\n\n" +
		"    kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=privileged\n"
}

// values maps a mark to the reference that takes its place.
var valueOf = strings.NewReplacer(
	markImage, "{{ .Values.image }}",
	markNamespace, "{{ .Release.Namespace }}",
	markKubelet, "{{ .Values.kubeletDir }}",
	markLogLevel, "{{ .Values.logLevel }}",
	markFSType, "{{ .Values.defaultFSType }}",
)

var (
	sidecarMark = regexp.MustCompile(markSidecar + `([a-z-]+)`)
	markedLine  = regexp.MustCompile(`(?m)^( *(?:- )*(?:[A-Za-z0-9./-]+: )?)(.*mark[.-].*)$`)
)

// references replaces the marks. A value with one is quoted, since it must be a
// string whatever the operator writes.
func references(text string) string {
	text = markedLine.ReplaceAllStringFunc(text, func(line string) string {
		m := markedLine.FindStringSubmatch(line)
		value := sidecarMark.ReplaceAllString(m[2], `{{ index .Values.sidecars "$1" }}`)
		return m[1] + "'" + valueOf.Replace(strings.Trim(value, `'"`)) + "'"
	})
	return strings.ReplaceAll(text, strconv.Itoa(markReplicas), "{{ .Values.replicas }}")
}
