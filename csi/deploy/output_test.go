package deploy

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// render does what `helm template` does with the few things that the chart uses;
// an unknown value is an error.
func render(t *testing.T, chart map[string]string, change func(values map[string]any)) string {
	t.Helper()
	var values map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(chart["values.yaml"]), &values))
	if change != nil {
		change(values)
	}
	tmpl, err := template.New("").Option("missingkey=error").Parse(chart["templates/driver.yaml"])
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, tmpl.Execute(&out, map[string]any{"Values": values, "Release": map[string]any{"Namespace": "there"}}))
	return out.String()
}

// documents parses strictly and gives each object by kind and name.
func documents(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var fields map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte(doc), &fields), doc)
		require.NotEmpty(t, fields["apiVersion"])
		out[fields["kind"].(string)+"/"+fields["metadata"].(map[string]any)["name"].(string)] = fields
	}
	return out
}

func TestTheChartIsThePlainFormWithValues(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			c := configs[d.name]
			chart, err := Files(d, c, Helm)
			require.NoError(t, err)
			assert.NotContains(t, chart["templates/driver.yaml"], "mark", "each mark is a reference")
			c.Namespace = "there"
			plain, err := Files(d, c, Plain)
			require.NoError(t, err)
			want := documents(t, plain["driver.yaml"])
			delete(want, "Namespace/there")
			assert.Equal(t, want, documents(t, render(t, chart, nil)))

			c.Image, c.Replicas, c.KubeletDir, c.LogLevel, c.Sidecars = "yes:1", 5, "/opt/kubelet", "debug", maps.Clone(c.Sidecars)
			if c.Sidecars == nil {
				c.Sidecars = map[string]string{}
			}
			c.Sidecars[provisioner] = "mine/p:2"
			plain, err = Files(d, c, Plain)
			require.NoError(t, err)
			want = documents(t, plain["driver.yaml"])
			delete(want, "Namespace/there")
			assert.Equal(t, want, documents(t, render(t, chart, func(values map[string]any) {
				values["image"], values["replicas"], values["kubeletDir"], values["logLevel"] = c.Image, c.Replicas, c.KubeletDir, c.LogLevel
				values["sidecars"].(map[string]any)[provisioner] = "mine/p:2"
			})))
		})
	}
}

func TestTheKustomizeBaseNamesItsFiles(t *testing.T) {
	files, err := Files(cloud, configs[cloud.name], Kustomize)
	require.NoError(t, err)
	var base struct {
		APIVersion, Kind, Namespace string
		Resources                   []string
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(files["kustomization.yaml"]), &base))
	for _, r := range base.Resources {
		assert.Contains(t, files, r)
	}
	assert.Equal(t, "cloud-csi-example-com", base.Namespace)
}

func TestMistakesSayWhatToChange(t *testing.T) {
	for says, c := range map[string]Config{
		"no image: name":                   {},
		"want lower case letters":          {Image: "x:1", Namespace: "No_Such"},
		"want an absolute path":            {Image: "x:1", KubeletDir: "kubelet"},
		"want 1 or more":                   {Image: "x:1", Replicas: -1},
		`there is no sidecar "csi-resize"`: {Image: "x:1", Sidecars: map[string]string{"csi-resize": "v1"}},
	} {
		_, err := Objects(cloud, c)
		require.ErrorContains(t, err, says)
	}
	_, err := Files(cloud, configs[cloud.name], "json")
	require.ErrorContains(t, err, "there are plain, kustomize, helm")
}

func TestSamplesAreOfWhatTheDriverOffers(t *testing.T) {
	for d, want := range map[string][]string{
		cloud.name: {"StorageClass/cloud-csi-example-com", "VolumeAttributesClass/cloud-csi-example-com-faster", "VolumeSnapshotClass/cloud-csi-example-com",
			"PersistentVolumeClaim/data", "PersistentVolumeClaim/raw", "PersistentVolumeClaim/exclusive", "Pod/scratch", "VolumeSnapshot/data-snapshot", "PersistentVolumeClaim/restored"},
		disks.name:  {"PersistentVolumeClaim/cloned", "Pod/inline", "PersistentVolume/disks-csi-example-com-by-hand"},
		shares.name: {"StorageClass/shares-csi-example-com", "Pod/writer"},
		vault.name:  {"Pod/inline"},
	} {
		for _, s := range drivers {
			if s.name != d {
				continue
			}
			objects, err := ObjectsOfUsers(s, configs[d])
			require.NoError(t, err)
			text, err := Encode(objects)
			require.NoError(t, err)
			have := documents(t, string(text))
			for _, w := range want {
				assert.Contains(t, have, w, d)
			}
		}
	}
	objects, err := ObjectsOfUsers(shares, configs[shares.name])
	require.NoError(t, err)
	text, err := Encode(objects)
	require.NoError(t, err)
	assert.NotContains(t, documents(t, string(text)), "PersistentVolumeClaim/raw", "shares are no devices")
}
