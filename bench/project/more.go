package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// addRPCs adds a service of so many RPCs like GetProduct.
func addRPCs(dir string, count int) error {
	binding, err := getProduct()
	if err != nil {
		return err
	}
	var contract, bindings strings.Builder
	contract.WriteString("syntax = \"proto3\";\n\npackage bench.v1;\n\nimport \"bench/v1/shop.proto\";\n\nservice CrowdService {\n")
	bindings.WriteString("service: bench.v1.CrowdService\nrpcs:\n")
	for i := range count {
		fmt.Fprintf(&contract, "  rpc GetProduct%d(GetProductRequest) returns (GetProductResponse);\n", i)
		fmt.Fprintf(&bindings, "  GetProduct%d:\n%s\n", i, binding)
	}
	contract.WriteString("}\n")
	if err := os.WriteFile(filepath.Join(dir, "proto/bench/v1/crowd.proto"), []byte(contract.String()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "bindings/crowd.yaml"), []byte(bindings.String()), 0o600)
}

// getProduct is what stands below GetProduct in the shop's bindings.
func getProduct() (string, error) {
	text, err := files.ReadFile("bindings/shop.yaml")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), "\n  GetProduct:\n")
	binding, _, found := strings.Cut(rest, "\n\n")
	if !found {
		return "", errors.New("bindings/shop.yaml has no GetProduct before another RPC")
	}
	return binding, nil
}
