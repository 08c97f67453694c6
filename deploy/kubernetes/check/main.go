// Command check reads Kubernetes manifests on its standard input as an API server under strict validation decodes them: every object has
// to be of a kind that k8s.io/client-go knows, every field has to exist, once and with its type. It prints a line for each object, and
// ends with status 1 at a fault. Values (a port of 70000, a selector that fits nothing) are not looked at.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	count, faults := 0, 0
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, kind, fault := decoder.Decode(document, nil, nil)
			err = fault
			if err == nil {
				fmt.Println(kind)
			}
		}
		count++
		if err != nil {
			faults++
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if count == 0 || faults > 0 {
		fmt.Fprintf(os.Stderr, "%d of %d objects are not taken\n", faults, count)
		os.Exit(1)
	}
}
