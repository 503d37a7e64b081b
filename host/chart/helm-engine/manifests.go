package main

import (
	"encoding/json"
	"path"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// sorted does what releaseutil.SortManifests does where no document is a hook and all of them can be read. Helm parses every document only
// to learn its kind; here the same pass gives the object. In every other case the answer is false, and Helm's own function has to be asked.
func sorted(files map[string]string) ([]releaseutil.Manifest, [][]byte, bool) {
	var names []string
	for name := range files {
		if !strings.HasPrefix(path.Base(name), "_") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var found byKind
	for _, name := range names {
		for _, document := range split(files[name]) {
			object, head, ok := readObject(document)
			if !ok {
				return nil, nil, false
			}
			if head.Metadata != nil {
				if _, isHook := head.Metadata.Annotations[release.HookAnnotation]; isHook {
					return nil, nil, false
				}
			}
			found.manifests = append(found.manifests, releaseutil.Manifest{Name: name, Content: document, Head: &head})
			found.objects = append(found.objects, object)
		}
	}
	sort.Stable(found)
	return found.manifests, found.objects, true
}

// readObject reads a document as JSON, and what Helm calls its head.
func readObject(document string) (object []byte, head releaseutil.SimpleHead, ok bool) {
	if object, head, ok = plainObject(document); ok {
		return object, head, true
	}
	object, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		return nil, head, false
	}
	return object, head, json.Unmarshal(object, &head) == nil
}

// split is releaseutil.SplitManifests without its regular expression, which takes as long as parsing the templates: documents begin at the
// start and after lines that begin with three dashes, and blank space around them does not count.
func split(file string) []string {
	const blank = "\t\n\f\r "
	var documents []string
	rest := "\n" + strings.TrimSpace(file)
	for more := true; more; rest = strings.TrimLeft(rest, blank) {
		var document string
		document, rest, more = strings.Cut(rest, "\n---")
		if document = strings.TrimRight(document, blank); document != "" {
			documents = append(documents, strings.TrimSpace(document))
		}
	}
	return documents
}

var installOrder = func() map[string]int {
	order := map[string]int{}
	for index, kind := range releaseutil.InstallOrder {
		order[kind] = index
	}
	return order
}()

// byKind sorts manifests as they are to be installed, and their objects with them: kinds that Helm does not know come last, by name.
type byKind struct {
	manifests []releaseutil.Manifest
	objects   [][]byte
}

func (found byKind) Len() int { return len(found.manifests) }

func (found byKind) Less(i, j int) bool {
	one, other := found.manifests[i].Head.Kind, found.manifests[j].Head.Kind
	first, known := installOrder[one]
	second, otherKnown := installOrder[other]
	if !known && !otherKnown {
		return one < other
	}
	return known && (!otherKnown || first < second)
}

func (found byKind) Swap(i, j int) {
	found.manifests[i], found.manifests[j] = found.manifests[j], found.manifests[i]
	found.objects[i], found.objects[j] = found.objects[j], found.objects[i]
}
