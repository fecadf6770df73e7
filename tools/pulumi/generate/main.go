// Writes the Python and Node.js SDKs of a Pulumi package: trueup-generate-sdk SCHEMA OUT makes OUT/python and OUT/nodejs.
//
// It stands in for `pulumi package gen-sdk`, which asks the language host to generate: the hosts that can be built from
// the Go module proxy are too old to know how. This is the same code as theirs, at the version of the engine beside it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// What the first line of every generated file names as its maker.
const tool = "trueup-generate-sdk"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: trueup-generate-sdk SCHEMA OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "trueup-generate-sdk: %v\n", err)
		os.Exit(1)
	}
}

func run(file, out string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(spec.Dependencies) > 0 {
		return fmt.Errorf("%s: it depends on other packages, whose schemas nothing here can load", file)
	}
	// Each language gets a package of its own, since generating writes into it. All is made before anything is written.
	inPython, err := bind(spec)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	pythonFiles, err := python.GeneratePackage(tool, inPython, nil, nil)
	if err != nil {
		return fmt.Errorf("python: %w", err)
	}
	inNode, err := bind(spec)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	nodeFiles, err := nodejs.GeneratePackage(tool, inNode, nil, nil, false, nil)
	if err != nil {
		return fmt.Errorf("nodejs: %w", err)
	}
	if err := write(filepath.Join(out, "python"), pythonFiles); err != nil {
		return err
	}
	return write(filepath.Join(out, "nodejs"), nodeFiles)
}

// bind checks the schema against Pulumi's own schema of schemas, and says everything that is wrong with it.
func bind(spec schema.PackageSpec) (*schema.Package, error) {
	pkg, faults, err := schema.BindSpec(spec, schema.NewNullLoader(), schema.ValidationOptions{})
	if err != nil {
		return nil, err
	}
	if faults.HasErrors() {
		said := []string{"the schema is not valid"}
		for _, fault := range faults {
			said = append(said, "  "+strings.TrimSpace(fault.Summary))
		}
		return nil, errors.New(strings.Join(said, "\n"))
	}
	return pkg, nil
}

// write replaces the folder by the files, so that nothing of an earlier schema stays behind.
func write(folder string, files map[string][]byte) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	return nil
}
