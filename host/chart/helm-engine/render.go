package main

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

type request struct {
	Name        string                 `json:"name"`
	Namespace   string                 `json:"namespace"`
	Revision    int                    `json:"revision"`
	IsUpgrade   bool                   `json:"isUpgrade"`
	KubeVersion string                 `json:"kubeVersion"`
	APIVersions []string               `json:"apiVersions"`
	Values      map[string]interface{} `json:"values"`
}

type result struct {
	manifest, notes string
	manifests       []releaseutil.Manifest
	objects         [][]byte
	hooks           []*release.Hook
	hookObjects     [][]byte
}

// renderChart does what `helm install --dry-run=client` does between reading the chart and talking to the cluster.
func renderChart(loaded *loadedChart, wanted *request) (*result, error) {
	values := wanted.Values
	if values == nil {
		values = map[string]interface{}{}
	}
	ready := loaded.ready(values)
	var c *chart.Chart
	if ready != nil {
		c = ready.chart
	} else {
		c = fresh(loaded.Chart)
		if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
			return nil, err
		}
	}
	capabilities, err := capabilitiesOf(wanted)
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{
		Name:      wanted.Name,
		Namespace: wanted.Namespace,
		Revision:  wanted.Revision,
		IsInstall: !wanted.IsUpgrade,
		IsUpgrade: wanted.IsUpgrade,
	}
	var top chartutil.Values
	if ready != nil {
		top, err = ready.top(values, options, capabilities)
	} else {
		top, err = chartutil.ToRenderValuesWithSchemaValidation(c, values, options, capabilities, true)
	}
	if err != nil {
		return nil, err
	}
	if err := loaded.schemas.check(c, top["Values"].(chartutil.Values)); err != nil {
		return nil, err
	}
	if c.Metadata.KubeVersion != "" && !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, capabilities.KubeVersion.String()) {
		return nil, fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", c.Metadata.KubeVersion, capabilities.KubeVersion.String())
	}
	var files map[string]string
	if ready == nil {
		files, err = engine.Render(c, top)
	} else if files, err = ready.render(top); err != nil {
		loaded.forget()
	}
	if err != nil {
		return nil, err
	}
	notes := takeNotes(c, files)
	done := &result{notes: notes}
	if manifests, objects, ok := sorted(files); ok {
		done.manifests, done.objects = manifests, objects
	} else if err := done.sort(files); err != nil {
		return nil, err
	}
	done.write()
	return done, nil
}

// lastCapabilities are those of the last render. One cluster has the same for all, and reading its version takes a regular expression.
var lastCapabilities struct {
	kubeVersion  string
	apiVersions  []string
	capabilities *chartutil.Capabilities
}

func capabilitiesOf(wanted *request) (*chartutil.Capabilities, error) {
	last := &lastCapabilities
	if last.capabilities != nil && last.kubeVersion == wanted.KubeVersion && slices.Equal(last.apiVersions, wanted.APIVersions) {
		return last.capabilities, nil
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	if wanted.KubeVersion != "" {
		parsed, err := chartutil.ParseKubeVersion(wanted.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("invalid kube version '%s': %s", wanted.KubeVersion, err)
		}
		capabilities.KubeVersion = *parsed
	}
	known := len(capabilities.APIVersions)
	capabilities.APIVersions = append(capabilities.APIVersions[:known:known], wanted.APIVersions...)
	last.kubeVersion, last.apiVersions, last.capabilities = wanted.KubeVersion, wanted.APIVersions, capabilities
	return capabilities, nil
}

// takeNotes takes every NOTES.txt out of the files, since they are no objects, and returns the chart's own.
func takeNotes(c *chart.Chart, files map[string]string) string {
	own := path.Join(c.Name(), "templates", "NOTES.txt")
	notes := files[own]
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	return notes
}

// sort has Helm tell manifests and hooks apart, and reads both as JSON with the YAML rules that Helm's client has.
func (done *result) sort(files map[string]string) error {
	var err error
	done.hooks, done.manifests, err = releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return err
	}
	for _, m := range done.manifests {
		object, err := toJSON(m.Name, m.Content)
		if err != nil {
			return err
		}
		done.objects = append(done.objects, object)
	}
	for _, hook := range done.hooks {
		object, err := toJSON(hook.Path, hook.Manifest)
		if err != nil {
			return err
		}
		done.hookObjects = append(done.hookObjects, object)
	}
	return nil
}

// write joins the manifest as Helm records it.
func (done *result) write() {
	var manifest strings.Builder
	for _, m := range done.manifests {
		fmt.Fprintf(&manifest, "---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	done.manifest = manifest.String()
}

func toJSON(name, document string) ([]byte, error) {
	object, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		return nil, fmt.Errorf("YAML parse error on %s: %w", name, err)
	}
	return object, nil
}

// head describes the frames that follow it: the manifest, the notes, the objects, and for each hook its manifest and its object.
type head struct {
	Objects int             `json:"objects"`
	Sources []string        `json:"sources"`
	Hooks   []*release.Hook `json:"hooks"`
}

func (done *result) frames() [][]byte {
	described := head{Objects: len(done.objects)}
	for _, m := range done.manifests {
		described.Sources = append(described.Sources, m.Name)
	}
	frames := [][]byte{nil, []byte(done.manifest), []byte(done.notes)}
	frames = append(frames, done.objects...)
	for i, hook := range done.hooks {
		frames = append(frames, []byte(hook.Manifest), done.hookObjects[i])
		hook.Manifest = ""
	}
	described.Hooks = done.hooks
	encoded, err := json.Marshal(described)
	if err != nil {
		return [][]byte{failure(err)}
	}
	frames[0] = encoded
	return frames
}
